//! receiver: a server on loopback to try a pipeline on, `cargo run --example receiver`.
//!
//! It takes a PNG on any path and by any method, and answers what it has seen as one JSON object on one
//! line. 200, or what --status says, stands for one whole PNG; anything else is 400 and an "error". The
//! body is read whole before it is judged, so that a client always gets its answer. Which uploads fail
//! depends on the options and on how many came before, and on nothing else: a trial can be repeated.

mod describe;
mod options;
mod upload;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header::CONTENT_TYPE, request};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime, task, time};

use options::Options;
use upload::Upload;

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let (failure, result) = match options::parse(std::env::args_os().skip(1)) {
        Ok(None) => (1, print(HELP)),
        Ok(Some(options)) => (1, serve(options)),
        Err(error) => (2, Err(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "receiver: {error:#}");
            ExitCode::from(failure)
        }
    }
}

fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| anyhow!("stdout: {}", error.kind()))
}

/// What the requests share.
struct Trial {
    options: Options,
    /// Uploads that came whole.
    uploads: AtomicU64,
}

fn serve(options: Options) -> Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| anyhow!("{address}: {}", error.kind()))?;
        print(&format!("listening on http://{}/\n", listener.local_addr()?))?;
        let trial = Arc::new(Trial { options, uploads: AtomicU64::new(0) });
        // axum's limit of 2 MB is for servers on the open net.
        let app = Router::new().fallback(take).layer(DefaultBodyLimit::disable());
        axum::serve(listener, app.with_state(trial)).await.context("serve")
    })
}

async fn take(State(trial): State<Arc<Trial>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let (status, answer) = match to_bytes(body, usize::MAX).await {
        Ok(body) => judge(&trial, head, body).await,
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": format!("body: {error}") })),
    };
    if [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED]
        .contains(&status)
    {
        return status.into_response();
    }
    (status, [(CONTENT_TYPE, "application/json")], format!("{answer}\n")).into_response()
}

async fn judge(trial: &Trial, head: request::Parts, body: Bytes) -> (StatusCode, Value) {
    let number = trial.uploads.fetch_add(1, Ordering::Relaxed);
    time::sleep(trial.options.delay).await;
    if trial.options.fail.has(number) {
        return (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "refused, as --fail says" }));
    }
    match describe(head, body).await {
        Ok(seen) => (trial.options.status, seen),
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": format!("{error:#}") })),
    }
}

async fn describe(head: request::Parts, body: Bytes) -> Result<Value> {
    let upload = Upload::of(head, body).await?;
    // Decoding must not keep other connections waiting.
    task::spawn_blocking(move || describe::describe(&upload)).await.context("decoder")?
}
