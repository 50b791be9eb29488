//! A static server for this machine.
//!
//! Invariant: it listens on 127.0.0.1 only and behaves like any static host: folders give their
//! index, unknown paths give `404.html`.

use crate::dist;
use crate::place::Place;
use crate::process::Result;
use axum::Router;
use axum::http::{HeaderValue, header::CACHE_CONTROL};
use std::path::Path;
use tokio::net::TcpListener;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

const FIRST_PORT: u16 = 8080;

/// How many ports are tried when the first is taken.
const TRIES: u16 = 100;

/// Builds the page, unless told not to, and serves it until interrupted.
///
/// # Errors
/// When an option is unknown, the build fails or no port is free.
pub fn serve(place: &Place, options: &[&str]) -> Result {
    let (first, build) = parse(options)?;
    if build {
        dist::build(place)?;
    } else if !place.dist().join("index.html").is_file() {
        return Err("dist/ is not built yet; leave out --no-build".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| format!("cannot start the server: {error}"))?;
    runtime.block_on(listen(&place.dist(), first))
}

fn parse(options: &[&str]) -> Result<(u16, bool)> {
    match options {
        [] => Ok((FIRST_PORT, true)),
        ["--no-build", rest @ ..] => Ok((parse(rest)?.0, false)),
        ["--port", port, rest @ ..] => {
            let port = port
                .parse()
                .map_err(|_| format!("{port:?} is no port number"))?;
            Ok((port, parse(rest)?.1))
        }
        [other, ..] => Err(format!("serve has no option {other:?}")),
    }
}

async fn listen(dist: &Path, first: u16) -> Result {
    let listener = bind(first).await?;
    let address = listener
        .local_addr()
        .map_err(|error| format!("no address: {error}"))?;
    println!("Basin is at http://{address}/    (Ctrl-C ends)");
    // Without this a browser may keep yesterday's page, whose hashed files are gone.
    let fresh =
        SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let files = ServeDir::new(dist).not_found_service(ServeFile::new(dist.join("404.html")));
    axum::serve(listener, Router::new().fallback_service(files).layer(fresh))
        .await
        .map_err(|error| format!("the server stopped: {error}"))
}

async fn bind(first: u16) -> Result<TcpListener> {
    for port in first..=first.saturating_add(TRIES) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    Err(format!("no free port from {first} on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order() {
        assert_eq!(parse(&[]), Ok((8080, true)));
        assert_eq!(parse(&["--no-build", "--port", "9000"]), Ok((9000, false)));
        assert_eq!(parse(&["--port", "9000", "--no-build"]), Ok((9000, false)));
        assert!(parse(&["--port"]).is_err());
        assert!(parse(&["--port", "many"]).is_err());
    }
}
