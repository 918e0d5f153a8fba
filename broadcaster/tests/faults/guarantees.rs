//! `docs/guarantees.md` names the test of each promise, or its file, `docs/decisions.md` the files of the code. They
//! must exist.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn document() -> String {
    fs::read_to_string(root().join("docs/guarantees.md")).unwrap()
}

#[test]
fn every_test_that_the_document_names_exists() {
    let (root, document) = (root(), document());
    let named: Vec<&str> = document.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    assert!(named.len() > 30, "{} tests are named", named.len());
    for name in named {
        let parts: Vec<&str> = name.split("::").collect();
        let [binary, modules @ .., test] = &parts[..] else { panic!("{name}: no test") };
        let module = modules.join("/");
        let directory = match *binary {
            "faults" => "broadcaster/tests/faults",
            "server" => "server/tests/it",
            "queue" => "queue/tests/it",
            "e2e" => "e2e/tests/it",
            other => panic!("{name}: no test binary {other}"),
        };
        let mut files = ["", "/mod", "/tests"]
            .map(|file| format!("{directory}/{module}{file}.rs"))
            .into_iter()
            .filter_map(|path| fs::read_to_string(root.join(path)).ok());
        assert!(files.any(|text| text.contains(&format!("fn {test}("))), "{name} does not exist");
    }
}

#[test]
fn every_test_in_php_that_the_document_names_exists() {
    let document = document();
    let files = document.split('`').skip(1).step_by(2).filter(|code| code.ends_with("Test.php"));
    let tests: String = files.map(|file| fs::read_to_string(root().join(file)).unwrap()).collect();
    let is_test = |code: &&str| code.strip_prefix("test").is_some_and(|rest| rest.starts_with(char::is_uppercase));
    let named: Vec<&str> = document.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(!named.is_empty());
    for name in named {
        assert!(tests.contains(&format!("function {name}(")), "{name} does not exist");
    }
}

#[test]
fn every_file_that_the_document_names_exists() {
    let document = document();
    let named = files_named_in(&document);
    assert!(named.len() > 15, "{} files are named", named.len());
    assert_they_exist(&named);
}

#[test]
fn every_file_that_the_list_of_decisions_names_exists() {
    let decisions = fs::read_to_string(root().join("docs/decisions.md")).unwrap();
    let named = files_named_in(&decisions);
    assert!(named.len() > 15, "{} files are named", named.len());
    assert_they_exist(&named);
}

fn files_named_in(document: &str) -> Vec<&str> {
    let root = root();
    let is_ours = |code: &&str| {
        let folder = code.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| !folder.is_empty() && root.join(folder).is_dir()) && !code.contains([' ', '*'])
    };
    document.split('`').skip(1).step_by(2).filter(is_ours).collect()
}

fn assert_they_exist(files: &[&str]) {
    for file in files {
        assert!(root().join(file).exists(), "{file} does not exist");
    }
}

#[test]
fn every_unit_test_that_the_document_names_is_in_its_file() {
    let (root, document) = (root(), document());
    let mut named = 0;
    for (before, after) in
        document.match_indices("` in `").map(|(at, mark)| (&document[..at], &document[at + mark.len()..]))
    {
        let (test, file) = (before.rsplit('`').next().unwrap(), after.split('`').next().unwrap());
        if file.ends_with(".rs") {
            named += 1;
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(&format!("fn {test}(")), "{test} is not in {file}");
        }
    }
    assert!(named > 0);
}
