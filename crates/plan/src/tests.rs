#![expect(clippy::disallowed_methods, reason = "the generated file is compared with the one that is committed")]

use std::{fs, path::Path};

use ts_rs::{Config, TS};

use crate::*;

/// The TypeScript types are generated from the Rust ones; set `HEADRACE_REGENERATE=1` to write them anew.
#[test]
fn typescript_types_are_up_to_date() {
    let config = Config::default();
    let declarations = [
        DataType::decl(&config),
        Field::decl(&config),
        Literal::decl(&config),
        UnaryOp::decl(&config),
        BinaryOp::decl(&config),
        Function::decl(&config),
        WhenThen::decl(&config),
        Expr::decl(&config),
        NamedExpr::decl(&config),
        AggregateFunction::decl(&config),
        NamedAggregate::decl(&config),
        GeneratorValue::decl(&config),
        GeneratorColumn::decl(&config),
        HostMapMode::decl(&config),
        Input::decl(&config),
        Op::decl(&config),
        Node::decl(&config),
        Plan::decl(&config),
        JobOptions::decl(&config),
    ];
    let codes =
        headrace_core::Code::ALL.iter().map(|code| format!("  \"{}\": {:?},\n", code.as_str(), code.meaning().trim()));
    let text = format!(
        "// Generated from crates/plan and the error codes of crates/core. Do not edit: run\n\
         // `HEADRACE_REGENERATE=1 cargo test -p headrace-plan` instead.\n\n\
         /** The version of the plan format. */\nexport const PLAN_VERSION = {PLAN_VERSION};\n\n\
         /** Every error code and what it means. */\nexport const ERROR_CODES = {{\n{}}} as const;\n\n{}\n",
        codes.collect::<String>(),
        declarations.map(|declaration| format!("export {declaration}")).join("\n\n"),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ts/plan/generated.ts");
    if std::env::var_os("HEADRACE_REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is stale: run HEADRACE_REGENERATE=1 cargo test -p headrace-plan", path.display());
}

#[test]
fn a_plan_survives_json() {
    let json = r#"{"version":1,"nodes":[{"uid":"a","name":"filter","at":null,"inputs":[],"op":
        {"op":"filter","predicate":{"kind":"binary","op":"gt","left":{"kind":"column","name":"x"},
        "right":{"kind":"literal","literal":{"type":"i64","value":"9007199254740993"}}}}}]}"#;
    let plan: Plan = serde_json::from_str(json).unwrap();
    let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(plan, again);
}
