//! `bindgen FILE.wasm FOLDER`: writes a WebAssembly file for the web into a folder, with the JavaScript that loads it.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let [_, file, folder] = &env::args().collect::<Vec<_>>()[..] else {
        eprintln!("usage: bindgen FILE.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .input_path(file)
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    match bindgen.web(true).and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
