//! `docs/guarantees.md` names the test of each promise. They must exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let named: Vec<&str> = document.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    assert!(named.len() > 30, "{} tests are named", named.len());
    for name in named {
        let mut parts = name.split("::");
        let (binary, module, test) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let directory = match binary {
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
