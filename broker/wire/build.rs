//! Turns `schema/*.schema` into the types and codecs of all messages. Touches only `OUT_DIR`.

#[path = "gen/mod.rs"]
mod generator;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=gen");
    let mut files = Vec::new();
    for entry in fs::read_dir("schema")? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "schema") {
            files.push((path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    files.sort();
    let loaded = generator::load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let apis = loaded.map_err(|mistake| mistake.to_string())?;
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("messages.rs"), generator::messages(&apis))?;
    fs::write(Path::new(&out).join("api_key.rs"), generator::api_keys(&apis))?;
    Ok(())
}
