//! `cargo run -p sandbox -- --port 8790`

use std::process::ExitCode;

fn port() -> Result<u16, String> {
    let mut arguments = std::env::args().skip(1);
    let mut port = 8790;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => {
                let value = arguments.next().ok_or("--port needs a number")?;
                port = value.parse().map_err(|_| format!("{value} is not a port"))?;
            }
            other => return Err(format!("unknown argument {other}; usage: sandbox [--port PORT]")),
        }
    }
    Ok(port)
}

#[tokio::main]
async fn main() -> ExitCode {
    let port = match port() {
        Ok(port) => port,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    match sandbox::spawn(port).await {
        Ok(running) => {
            println!("sandbox listening on {}", running.url());
            running.forever().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("port {port} could not be opened: {error}");
            ExitCode::FAILURE
        }
    }
}
