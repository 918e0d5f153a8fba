//! Several broadcasters and one Redis, with what `docs/scale.md` and `examples/scale` have: nginx, the rights of the
//! user, files for containers.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use redis::Value;
use testkit::redis::{RedisOptions, RedisServer, Sentinels};
use testkit::{Broadcaster, Client, EventStream, Process, QueueDir, eventually, temporary_directory, within};

use crate::docs;
use crate::harness::{Nginx, broadcaster, built, queue_dir};

/// A queue and its broadcaster: what one machine has.
struct Node {
    queue: QueueDir,
    broadcaster: Broadcaster,
}

impl Node {
    async fn start(url: &str, flags: &[&str]) -> Node {
        let queue = queue_dir();
        let broadcaster = of_queue(&queue, url, flags).await;
        Node { queue, broadcaster }
    }

    /// A client of its own, by URL.
    async fn client(&self) -> Client {
        let mut client = Client::connect(self.address(), "/?everybody=1").await;
        assert_eq!(client.json().await["type"], "welcome");
        client
    }

    /// Whether a client that comes back with an id gets all that it has missed.
    async fn recovers(&self, id: &str) -> bool {
        let mut back = Client::connect(self.address(), &format!("/?everybody=1&after={id}")).await;
        back.json().await["recovered"].as_bool().unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.broadcaster.address()
    }

    /// Queues an event as PHP does, and waits until it is forwarded.
    async fn publish(&self, payload: u32, flags: &[&str]) {
        let command = ["publish", "test", &payload.to_string(), "--queue"].map(str::to_owned);
        let mut publish = Process::spawn(broadcaster::command(command).arg(self.queue.path()).args(flags));
        assert!(publish.exit().await.success(), "{:?}", publish.stderr());
        eventually("it is forwarded", || self.queue.waiting() == 0).await;
    }
}

/// A broadcaster of a queue. Without a broker if the URL is empty.
async fn of_queue(queue: &QueueDir, url: &str, flags: &[&str]) -> Broadcaster {
    let mut command = broadcaster::on(queue);
    broadcaster::spawn(command.env("FASTAPI_WS_BROKER_URL", url).args(flags)).await
}

/// The payload of the next event, and its id.
async fn event(client: &mut Client) -> (u64, String) {
    loop {
        let message = client.json().await;
        if message["event"] == "test" {
            return (message["payload"].as_u64().unwrap(), message["id"].as_str().unwrap_or_default().to_owned());
        }
    }
}

#[tokio::test]
async fn the_documented_nginx_brings_every_client_to_a_machine_that_runs_and_every_event_to_it() {
    let redis = RedisServer::start();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::start(&redis.url(), &[]).await);
    }
    let documented = docs::code("nginx").into_iter().find(|code| code.contains("upstream broadcasters")).unwrap();
    let nginx = Nginx::start_with(|address| {
        let lines = documented.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
        let mut adapted: String = lines.map(|line| format!("{line}\n")).collect();
        adapted = adapted.replace("listen 443 ssl", &format!("listen {address}"));
        for (number, node) in (1..).zip(&nodes) {
            adapted = adapted.replace(&format!("10.0.0.1{number}:8081"), &node.address().to_string());
        }
        assert!(!adapted.contains("10.0.0.") && !adapted.contains(" 443 "), "{adapted}");
        adapted
    })
    .await;

    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(Client::connect(nginx.address(), "/ws?everybody=1").await);
    }
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = open_stream(nginx.address()).await;
        assert!(stream.event().await.retry.is_some());
        streams.push(stream);
    }
    let mut of_first = Client::connect(nodes[0].address(), "/?everybody=1").await;
    for (payload, node) in (1..).zip(&nodes) {
        node.publish(payload, &[]).await;
    }
    for expected in 1..=3 {
        for client in &mut clients {
            assert_eq!(event(client).await.0, expected);
        }
        for stream in &mut streams {
            assert_eq!(stream.event().await.json()["payload"], expected);
        }
    }
    event(&mut of_first).await;
    event(&mut of_first).await;
    let (_, last) = event(&mut of_first).await;

    // One machine fails. Whoever was there goes on at another one, and new clients find one that runs.
    nodes[0].broadcaster.kill();
    nodes[1].publish(4, &[]).await;
    for _ in 0..6 {
        let path = format!("/ws?everybody=1&after={last}");
        let mut back = Client::connect(nginx.address(), &path).await;
        assert_eq!(back.json().await["recovered"], true);
        assert_eq!(event(&mut back).await.0, 4);
    }
    let mut stream = open_stream(nginx.address()).await;
    assert!(stream.event().await.retry.is_some());
    nodes[2].publish(5, &[]).await;
    assert_eq!(stream.event().await.json()["payload"], 5);

    // All do: a browser is told when to come back.
    for node in &mut nodes[1..] {
        node.broadcaster.kill();
    }
    let mut away = open_stream(nginx.address()).await;
    assert_eq!((away.status(), away.header("content-type")), (200, Some("text/event-stream")), "{}", away.head);
    assert!(away.block().await.expect("a block").retry.is_some_and(|retry| retry >= 3000));
}

/// Asks as a client of HTTP/1.0, whose answer is not in chunks.
async fn open_stream(proxy: SocketAddr) -> EventStream {
    let request = format!("GET /events HTTP/1.0\r\nHost: {proxy}\r\nAccept: text/event-stream\r\n\r\n");
    EventStream::request(proxy, &request).await
}

#[tokio::test]
async fn a_broadcaster_that_cannot_reach_redis_is_healthy_and_keeps_its_clients_and_events() {
    let mut redis = RedisOptions::default().append_only().start();
    let node = Node::start(&redis.url(), &[]).await;
    let mut client = Client::connect(node.address(), "/?everybody=1").await;
    node.publish(1, &[]).await;
    let (_, last) = event(&mut client).await;
    redis.kill();
    for payload in 2..5 {
        node.queue.enqueue(payload);
    }
    logs(&node, "clients receive nothing").await;
    let (status, text) = crate::harness::get(node.address(), "/healthz").await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "ok\n"));
    assert_eq!(node.queue.waiting(), 3);
    redis.start_again();
    for expected in 2..5 {
        assert_eq!(event(&mut client).await.0, expected);
    }
    let mut back = Client::connect(node.address(), &format!("/?everybody=1&after={last}")).await;
    assert_eq!(back.json().await["recovered"], true);
}

async fn logs(node: &Node, text: &str) {
    eventually(&format!("it logs {text:?}"), || !node.broadcaster.log_lines(text).is_empty()).await;
}

#[tokio::test]
async fn events_wait_while_redis_is_full() {
    let redis = RedisServer::start();
    let node = Node::start(&redis.url(), &[]).await;
    let mut client = node.client().await;
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1"]);
    node.queue.enqueue(1);
    logs(&node, "it has no memory left").await;
    node.queue.enqueue(2);
    assert_eq!(node.queue.waiting(), 2);
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!((event(&mut client).await.0, event(&mut client).await.0), (1, 2));
}

#[tokio::test]
async fn every_client_with_a_position_is_told_when_redis_was_emptied_and_events_go_on() {
    let redis = RedisServer::start();
    let nodes = [Node::start(&redis.url(), &[]).await, Node::start(&redis.url(), &[]).await];
    let mut clients = [nodes[0].client().await, nodes[1].client().await];
    let mut stream = EventStream::open(nodes[1].address(), "/", "").await;
    nodes[0].publish(1, &[]).await;
    let mut last = String::new();
    for client in &mut clients {
        last = event(client).await.1;
    }
    redis.command(&["FLUSHALL"]);
    for client in &mut clients {
        let mut message = client.json().await;
        while message["type"] == "heartbeat" {
            message = client.json().await;
        }
        assert!(message["type"] == "gap" && message["id"] != *last, "{message}");
    }
    while stream.event().await.event.as_deref() != Some("gap") {}
    nodes[1].publish(2, &[]).await;
    for (client, node) in clients.iter_mut().zip(&nodes) {
        let (payload, id) = event(client).await;
        assert_eq!(payload, 2);
        assert!(node.recovers(&id).await && !node.recovers(&last).await);
    }
    assert_eq!(stream.event().await.json()["payload"], 2);
}

#[tokio::test]
async fn what_a_machine_queued_while_its_broadcaster_was_away_comes_in_order_and_ids_of_others_are_known_there() {
    let redis = RedisServer::start();
    let (one, mut other) = (Node::start(&redis.url(), &[]).await, Node::start(&redis.url(), &[]).await);
    let mut client = one.client().await;
    one.publish(1, &[]).await;
    let (_, first) = event(&mut client).await;
    other.broadcaster.stop();
    for payload in [10, 11] {
        other.queue.enqueue(payload);
    }
    one.publish(2, &[]).await;
    assert_eq!(event(&mut client).await.0, 2);
    other.broadcaster = of_queue(&other.queue, &redis.url(), &[]).await;
    for expected in [10, 11] {
        assert_eq!(event(&mut client).await.0, expected);
    }
    let mut back = Client::connect(other.address(), &format!("/?everybody=1&after={first}")).await;
    assert_eq!(back.json().await["recovered"], true);
    for expected in [2, 10, 11] {
        assert_eq!(event(&mut back).await.0, expected);
    }
}

#[tokio::test]
async fn ids_of_before_are_unknown_once_when_a_broker_is_switched_on_and_off() {
    let redis = RedisServer::start();
    let mut node = Node::start("", &[]).await;
    let mut client = node.client().await;
    node.publish(1, &[]).await;
    let (_, mut id) = event(&mut client).await;
    for url in [&redis.url(), ""] {
        node.broadcaster.stop();
        // Events that wait are sent, on whichever way.
        node.queue.enqueue(2);
        node.broadcaster = of_queue(&node.queue, url, &[]).await;
        eventually("it is sent", || node.queue.waiting() == 0).await;
        assert!(!node.recovers(&id).await, "{id} with {url:?}");
        let mut client = node.client().await;
        node.publish(3, &[]).await;
        while event(&mut client).await.0 != 3 {}
        node.publish(4, &[]).await;
        id = event(&mut client).await.1;
        assert!(node.recovers(&id).await, "{id} with {url:?}");
    }
}

#[tokio::test]
async fn the_documented_rights_are_all_that_two_broadcasters_need() {
    let documented = documented_rights();
    assert_eq!(documented[..4], ["ACL", "SETUSER", "broadcaster", "on"]);
    let commands: Vec<&str> = documented.iter().filter_map(|rule| rule.strip_prefix('+')).collect();

    let redis = RedisServer::start();
    allow(&redis, &documented, &[]);
    share_events(&redis, &redis.url().replace("redis://", "redis://broadcaster:PASSWORD@"), &[]).await;
    // Each of them was used, so none can be left out.
    let statistics: String = redis.query(&["INFO", "commandstats"]).unwrap();
    for command in commands {
        assert!(statistics.contains(&format!("cmdstat_{command}:calls=")), "{command}: {statistics}");
    }

    let redis = RedisOptions::default().start();
    let replica = RedisOptions::default().replica_of(&redis).start();
    replica.await_info("master_link_status", "up");
    allow(&redis, &documented, &["+wait", "+select"]);
    let url = redis.url().replace("redis://", "redis://broadcaster:PASSWORD@") + "/2";
    share_events(&redis, &url, &["--broker-min-replicas", "1"]).await;

    let sentinels = Sentinels::start();
    sentinels.servers().iter().for_each(|server| allow(server, &documented, &["+role"]));
    let url = sentinels.url().replace("redis+sentinel://", "redis+sentinel://broadcaster:PASSWORD@");
    share_events(sentinels.master(), &url, &[]).await;

    let page = fs::read_to_string(built::repository().join("docs/scale.md")).unwrap();
    for also in ["`+wait`", "`+select`", "`+role`"] {
        assert!(page.contains(also), "{also}");
    }
}

/// The words of the documented command, as the shell reads them.
fn documented_rights() -> Vec<String> {
    let block = docs::code("sh").into_iter().find(|code| code.contains("ACL SETUSER broadcaster")).unwrap();
    let script = format!("redis-cli() {{ printf '%s\\n' \"$@\"; }}\n{block}");
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn allow(redis: &RedisServer, documented: &[String], also: &[&str]) {
    let words: Vec<&str> = documented.iter().map(String::as_str).chain(also.iter().copied()).collect();
    redis.command(&words);
}

/// Two broadcasters give their clients what both queue, also after their connections broke. Redis refuses them nothing.
async fn share_events(redis: &RedisServer, url: &str, flags: &[&str]) {
    let nodes = [Node::start(url, flags).await, Node::start(url, flags).await];
    let mut clients = Vec::new();
    for node in &nodes {
        clients.push(Client::connect(node.address(), "/?channel=news").await);
    }
    let news = ["--channel", "news"];
    nodes[0].publish(1, &news).await;
    nodes[1].publish(2, &[&news[..], &["--key", "once"]].concat()).await;
    nodes[0].publish(3, &[&news[..], &["--key", "once"]].concat()).await;
    redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    nodes[0].publish(4, &news).await;
    nodes[1].publish(5, &news).await;
    let mut last = String::new();
    for client in &mut clients {
        for expected in [1, 2, 4, 5] {
            let (payload, id) = event(client).await;
            assert_eq!(payload, expected);
            last = id;
        }
    }
    // An id that no machine has is looked for in Redis.
    let (place, _) = last.rsplit_once('-').unwrap();
    let (millis, number) = place.split_once('-').unwrap();
    let later = millis.parse::<u64>().unwrap() + 1_000_000;
    let path = format!("/?channel=news&after={later}-{number}-00000000");
    let mut unknown = Client::connect(nodes[0].address(), &path).await;
    assert_eq!(within("an answer", unknown.json()).await["recovered"], false);
    let refused: Vec<Value> = redis.query(&["ACL", "LOG"]).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn the_compose_file_starts_redis_with_arguments_that_it_accepts() {
    let text = fs::read_to_string(built::repository().join("examples/scale/compose.yaml")).unwrap();
    let file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let services = file["services"].as_object().unwrap();
    redis_starts(words(&services["redis"]["command"]), None).await;
    for number in 1..=3 {
        let service = &services[&format!("broadcaster-{number}")];
        assert_eq!(service["environment"]["FASTAPI_WS_BROKER_URL"], "redis://redis:6379");
    }
}

#[tokio::test]
async fn the_kubernetes_file_has_arguments_that_the_programs_accept() {
    let text = fs::read_to_string(built::repository().join("examples/scale/kubernetes.yaml")).unwrap();
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    let object = |kind: &str, name: &str| {
        let mut found = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.next().unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let pod = |name: &str| &object("StatefulSet", name)["spec"]["template"]["spec"];
    let container = |pod: &serde_json::Value, name: &str| -> serde_json::Value {
        let containers = pod["containers"].as_array().unwrap();
        containers.iter().find(|container| container["name"] == name).unwrap().clone()
    };
    let (php, node) = (container(pod("app"), "php"), container(pod("app"), "broadcaster"));
    assert_eq!(php["volumeMounts"], node["volumeMounts"]);
    let claims = &object("StatefulSet", "app")["spec"]["volumeClaimTemplates"];
    assert_eq!(claims[0]["metadata"]["name"], node["volumeMounts"][0]["name"]);
    assert_eq!(node["args"][1], format!("{}/queue", node["volumeMounts"][0]["mountPath"].as_str().unwrap()));

    let secret = |variable: &serde_json::Value| {
        let reference = &variable["valueFrom"]["secretKeyRef"];
        let secret = object("Secret", reference["name"].as_str().unwrap());
        secret["stringData"][reference["key"].as_str().unwrap()].as_str().unwrap().to_owned()
    };
    let variables = node["env"].as_array().unwrap().iter();
    let environment: BTreeMap<String, String> =
        variables.map(|variable| (variable["name"].as_str().unwrap().to_owned(), secret(variable))).collect();
    let arguments = words(&node["args"]);
    accepted(&arguments, &environment).await;
    let ports = node["ports"].as_array().unwrap();
    for (option, name) in [("--listen", "websocket"), ("--admin-listen", "admin")] {
        let address = arguments.iter().skip_while(|argument| *argument != option).nth(1).unwrap();
        let port = ports.iter().find(|port| port["name"] == name).unwrap();
        assert!(address.ends_with(&format!(":{}", port["containerPort"])), "{option} {address}: {port}");
    }
    for (probe, path) in [("startupProbe", "/live"), ("livenessProbe", "/live"), ("readinessProbe", "/ready")] {
        assert_eq!(node[probe]["httpGet"], serde_json::json!({ "path": path, "port": "admin" }), "{probe}");
    }
    object("Service", environment["FASTAPI_WS_BROKER_URL"].rsplit_once('@').unwrap().1.split(':').next().unwrap());

    let redis = container(pod("redis"), "redis");
    let users = pod("redis")["volumes"][0]["secret"]["secretName"].as_str().unwrap();
    let users = object("Secret", users)["stringData"]["users.acl"].as_str().unwrap();
    redis_starts(words(&redis["args"]), Some(users)).await;
    // The rights are those of the page.
    let rights = documented_rights()[2..].join(" ");
    assert!(users.lines().any(|line| line == format!("user {rights}")), "{users}\n{rights}");
}

fn words(command: &serde_json::Value) -> Vec<String> {
    command.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

async fn accepted(arguments: &[String], environment: &BTreeMap<String, String>) {
    let mut command = broadcaster::command(arguments);
    let mut check = Process::spawn(command.envs(environment).args(["config", "check"]));
    assert!(check.exit().await.success(), "{arguments:?}: {:?}", check.stderr());
}

/// Starts the real server with the arguments, but for its place.
async fn redis_starts(mut words: Vec<String>, users: Option<&str>) {
    let directory = temporary_directory();
    assert_eq!(words.remove(0), "redis-server");
    if let Some(users) = users {
        let file = directory.path().join("users.acl");
        fs::write(&file, users).unwrap();
        let at = words.iter().position(|word| word == "--aclfile").unwrap();
        words[at + 1] = file.to_str().unwrap().to_owned();
    }
    let mut command = Process::command(built::server_program("redis-server"));
    command.args(words).args(["--port", "0", "--unixsocket", "redis.sock", "--dir"]).arg(directory.path());
    let mut server = Process::spawn(&mut command);
    let started = server.line("it is ready", |line| line.contains("ready to accept").then_some(())).await;
    assert!(started.is_some(), "{:?}", server.stdout());
}
