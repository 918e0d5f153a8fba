//! All settings, key by key: another value takes effect or is said to need a restart; a wrong one changes nothing.

use server::config::{Form, Setting, Unit, Value, Whole, all_settings};
use testkit::HANDSHAKE;

use super::{Stage, admitting, costs, entrance, history, operators, pusher, rights};
use crate::support::Client;

const SECRET: &str = "['a secret of these tests, of 42 bytes in all']";

/// Another value than the one that it has.
fn other(setting: &Setting, stage: &Stage) -> String {
    let file = |name: &str| format!("{:?}", stage.queue.root().join(name));
    match (setting.key, setting.form, setting.default()) {
        ("queue" | "history_dir", ..) => file("elsewhere"),
        ("admin_listen", ..) => "'127.0.0.1:0'".to_owned(),
        ("listen", ..) => "'127.0.0.1:1'".to_owned(),
        ("hub_threads", ..) => "2".to_owned(),
        ("recover_bytes", ..) => "1000".to_owned(),
        ("log_level", ..) => "'warn,server=info,fastapi_broadcaster=info'".to_owned(),
        ("token_secret_file" | "token_public_key_file" | "admin_token_file", ..) => "[]".to_owned(),
        ("auth_hook", ..) => "'http://127.0.0.1:1/'".to_owned(),
        ("broker_url", ..) => "'redis://127.0.0.1:1'".to_owned(),
        (_, Form::Whole(Whole { unit: Unit::Port, .. }), _) => "1".to_owned(),
        (_, Form::Whole(_), Some(Value::Whole(default))) => (default + 1).to_string(),
        (_, Form::Whole(_), _) => "777".to_owned(),
        (_, Form::Seconds, Some(Value::Seconds(default))) => format!("{:?}", default + 1.0),
        (_, Form::Switch, Some(Value::Switch(default))) => (!default).to_string(),
        (_, Form::Text, _) => "'other'".to_owned(),
        (_, Form::Choice(words), Some(default)) => {
            let other = words.iter().map(|(word, _)| *word).find(|word| *word != default.to_string());
            format!("{:?}", other.unwrap())
        }
        (_, Form::Origins, _) => "['https://other.example']".to_owned(),
        (_, Form::Hosts | Form::HostNames, _) => "['other.example']".to_owned(),
        (_, Form::Patterns, _) => "['other.*']".to_owned(),
        (_, Form::Networks, _) => "['10.0.0.0/8']".to_owned(),
        (_, Form::Routes, _) => "[{ path = '/other', require = 'none' }]".to_owned(),
        (_, Form::Apps, _) => "[{ id = '1', key = 'k', secret = 's' }]".to_owned(),
        (_, Form::ChannelRules, _) => "[{ pattern = 'other', history_events = 1 }]".to_owned(),
        (_, Form::Secrets, _) => "['another-secret-of-these-tests-42-bytes-too']".to_owned(),
        (key, form, _) => panic!("say what another value of {key} ({form:?}) is"),
    }
}

/// What no setting of this form can be.
fn wrong(form: &Form) -> &'static str {
    match form {
        Form::Whole(_) | Form::Seconds | Form::Switch => "'wrong'",
        _ => "5",
    }
}

/// A broadcaster with everything that other values of single settings need.
fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.start(&[("token_secret", SECRET), ("public_channels", "['*']"), ("hub_threads", "1")]);
    stage
}

#[test]
fn another_value_of_each_takes_effect_or_is_said_to_need_a_restart() {
    let mut stage = stage();
    for setting in all_settings() {
        let key = setting.file_key().into_owned();
        let before = stage.value(&key);
        let needs_broker = setting.table == Some("broker") && setting.key != "broker_url";
        if needs_broker {
            stage.set("broker.url", "'redis://127.0.0.1:1'");
        }
        let value = other(setting, &stage);
        let told = stage.reload(&[(&key, &value)]);
        let waiting = format!(" key={key}");
        let lines = stage.broadcaster().log_lines(&waiting);
        let waiting: Vec<String> = lines.into_iter().filter(|line| line.ends_with(&waiting)).collect();
        assert!(setting.reloads == waiting.is_empty(), "{key} = {value}: {told} {waiting:?}");
        // An empty list is what it was without.
        if setting.reloads && value != "[]" {
            assert!(told.contains(&format!("changed=\"{key}\"")), "{key} = {value}: {told}");
        }
        match before {
            Some(before) => stage.set(&key, &before),
            None => stage.unset(&key),
        }
        if needs_broker {
            stage.unset("broker.url");
        }
        stage.reload(&[]);
    }
    stage.queue.enqueue(1);
}

#[test]
fn every_setting_that_is_declared_to_take_effect_has_a_test_of_it() {
    let tested = [
        admitting::TESTED,
        rights::TESTED,
        entrance::TESTED,
        history::TESTED,
        costs::TESTED,
        operators::TESTED,
        pusher::TESTED,
    ]
    .concat();
    let declared: Vec<&str> = all_settings().filter(|setting| setting.reloads).map(|setting| setting.key).collect();
    let missing: Vec<_> = declared.iter().filter(|key| !tested.contains(key)).collect();
    let surplus: Vec<_> = tested.iter().filter(|key| !declared.contains(key)).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "without a test: {missing:?}; not declared: {surplus:?}");
}

#[test]
fn a_wrong_value_of_any_changes_nothing_and_is_told_with_its_line() {
    let mut stage = stage();
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(stage.address())).collect();
    for setting in all_settings() {
        let key = setting.file_key().into_owned();
        let before = stage.value(&key);
        // With it, nobody else could connect.
        if key != "max_connections" {
            stage.set("max_connections", "1");
        }
        stage.set(&key, wrong(&setting.form));
        let told = stage.refuses();
        let place = format!("line {}, column ", stage.line_of(&key));
        assert!(told.contains("ERROR") && told.contains(&place) && told.contains(&key), "{key}: {told}");
        assert!(!told.contains("secret of these tests"), "{told}");
        assert_eq!(stage.status_of(HANDSHAKE), 101, "{key}");
        match before {
            Some(before) => stage.set(&key, &before),
            None => stage.unset(&key),
        }
        stage.unset("max_connections");
    }
    // So is a file that the start would refuse.
    let queue = stage.value("queue").expect("set");
    stage.unset("queue");
    let told = stage.refuses();
    assert!(told.contains("no queue directory is given"), "{told}");
    stage.set("queue", &queue);
    // What is wrong together with other values is told with its line as well.
    stage.set("log_bytes", "1000");
    let told = stage.refuses();
    assert!(told.contains(&format!("(line {} of the file)", stage.line_of("log_bytes"))), "{told}");
    stage.unset("log_bytes");
    // No file at all.
    assert!(stage.refuses_without_file().contains("cannot read the configuration file"));
    stage.reload(&[]);
    stage.queue.enqueue(1);
    clients.iter_mut().for_each(|client| assert_eq!(client.payload(), "1"));
    stage.broadcaster().stop();
}

#[test]
fn a_value_that_does_not_go_with_one_that_waits_for_a_restart_is_refused() {
    let mut stage = Stage::new();
    stage.start(&[("hub_threads", "4"), ("max_outbox_bytes", "1_000_000"), ("max_message_bytes", "1000")]);
    // With one thread it would be enough.
    stage.set("hub_threads", "1");
    stage.set("max_memory", "2_000_000");
    let told = stage.refuses();
    assert!(told.contains("max_memory") && told.contains("hub_threads"), "{told}");
    stage.reload(&[("max_memory", "4_000_000")]);
}

#[test]
fn a_reload_does_not_open_a_server_that_asks_for_a_login() {
    let mut stage = Stage::new();
    stage.start(&[
        ("token_secret", "['0123456789abcdef0123456789abcdef']"),
        ("public_channels", "['*']"),
        ("anonymous", "false"),
    ]);
    assert_eq!(stage.status_of(HANDSHAKE), 401);
    ["token_secret", "public_channels", "anonymous"].into_iter().for_each(|key| stage.unset(key));
    let told = stage.refuses();
    assert!(told.contains("everybody could connect"), "{told}");
    assert_eq!(stage.status_of(HANDSHAKE), 401);
    stage.broadcaster().stop();
}
