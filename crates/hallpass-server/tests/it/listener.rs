//! Limits on connections and time, the second listener, and the end.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{connect, get, rest, send, start};

// HT-03: time jumps whenever nothing is left to do, so waiting for the server to lose its patience takes none.
#[tokio::test(start_paused = true)]
async fn slow_clients_of_every_kind_are_sent_away() {
    let server = start("");
    let cases: [&[u8]; 6] = [
        b"",
        b"GET",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    for bytes in cases {
        let begin = tokio::time::Instant::now();
        drop(send(server.address, bytes).await);
        assert!(
            begin.elapsed().as_secs() <= 30,
            "{bytes:?}: {:?}",
            begin.elapsed()
        );
    }
}

// HT-04
#[tokio::test(start_paused = true)]
async fn a_slow_body_meets_its_deadline() {
    let server = start("");
    let begin = tokio::time::Instant::now();
    let answer = send(
        server.address,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nx",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begin.elapsed().as_secs() <= 60, "{:?}", begin.elapsed());
}

// HT-17
#[tokio::test]
async fn past_the_limit_an_idle_connection_makes_room() {
    let server = start("server.max_connections_per_address = 1");
    let mut first = connect(server.address).await;
    first
        .write_all(b"GET /first HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0_u8; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert!(get(server.address, "/second").await.contains("GET /second"));
    rest(&mut first).await;
}

#[tokio::test]
async fn a_connection_at_work_does_not_make_room() {
    let server = start("server.max_connections_per_address = 1");
    let mut first = connect(server.address).await;
    first
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    server.echo.arrived.acquire().await.unwrap().forget();
    assert_eq!(get(server.address, "/second").await, "");
    server.echo.go.add_permits(1);
    assert!(rest(&mut first).await.contains("GET /wait"));
    assert!(get(server.address, "/third").await.contains("GET /third"));
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let server = start("");
    let stream = connect(server.address).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://a/x")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "GET /x from 127.0.0.1 with 0");
    // A refusal, too, without the headers that HTTP/2 forbids.
    let request = http::Request::builder()
        .method("TRACE")
        .uri("http://a/x")
        .body(Empty::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    //= test RFC9110#15.5.6 whoever refuses a method says which there are
    assert_eq!(response.status(), 405);
    let allowed = response.headers()["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST") && !allowed.contains("TRACE"));
    assert!(!response.headers().contains_key("connection"));
}

// HT-02
#[tokio::test]
async fn a_flood_of_resets_ends_an_http2_connection() {
    let server = start("");
    let mut stream = connect(server.address).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for stream_id in (1_u32..20_000).step_by(2) {
        // HEADERS for GET / of http://a, then RST_STREAM.
        let block = [0x82, 0x84, 0x86, 0x01, 0x01, b'a'];
        bytes.extend_from_slice(&[0, 0, 6, 1, 5]);
        bytes.extend_from_slice(&stream_id.to_be_bytes());
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(&[0, 0, 4, 3, 0]);
        bytes.extend_from_slice(&stream_id.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 8]);
    }
    drop(stream.write_all(&bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(get(server.address, "/x").await.contains("GET /x"));
}

/// A frame of HTTP/2: its type, flags and stream, and what it holds.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

const GET: [u8; 6] = [0x82, 0x84, 0x86, 0x01, 0x01, b'a'];
const POST: [u8; 6] = [0x83, 0x84, 0x86, 0x01, 0x01, b'a'];

// HT-02
#[tokio::test]
async fn floods_of_http2_frames_harm_nobody_else() {
    let server = start("");
    let mut bomb = GET.to_vec();
    // A header of 4,000 bytes goes into the table and is named again and again.
    bomb.extend_from_slice(&[0x40, 0x01, b'x', 0x7f, 0xa1, 0x1e]);
    bomb.extend_from_slice(&[b'a'; 4000]);
    bomb.extend_from_slice(&[0xbe; 12_000]);
    let continuation = |count: usize| {
        let mut bytes = frame(1, 1, 1, &GET);
        for _ in 0..count {
            bytes.extend(frame(9, 0, 1, &[0x00, 0x01, b'y', 0x01, b'z']));
        }
        bytes
    };
    #[rustfmt::skip]
    let cases: [(&str, Vec<u8>, bool); 7] = [
        ("continuations without an end", continuation(20_000), true),
        ("a bomb in the header table", frame(1, 5, 1, &bomb), false),
        ("empty frames of data", [frame(1, 4, 1, &POST), frame(0, 0, 1, b"").repeat(20_000)].concat(), false),
        ("settings", frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]).repeat(20_000), false),
        ("pings", frame(6, 0, 0, &[7; 8]).repeat(20_000), false),
        ("window updates of nothing", frame(8, 0, 0, &[0; 4]).repeat(1_000), true),
        ("a window that is shut", [frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]), (1_u32..200).step_by(2).flat_map(|id| frame(1, 5, id, &GET)).collect()].concat(), false),
    ];
    for (what, frames, ends) in cases {
        let mut stream = connect(server.address).await;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, b""));
        bytes.extend(frames);
        // Whoever does not read what comes back may not get rid of everything.
        let sent =
            tokio::time::timeout(std::time::Duration::from_secs(5), stream.write_all(&bytes));
        drop(sent.await);
        if ends {
            let mut answer = Vec::new();
            let end = tokio::time::timeout(
                std::time::Duration::from_secs(20),
                stream.read_to_end(&mut answer),
            );
            assert!(end.await.is_ok(), "{what}: the connection ends");
        }
        assert!(get(server.address, "/x").await.contains("GET /x"), "{what}");
    }
}

#[tokio::test]
async fn requests_are_counted_under_their_endpoint() {
    let server = start("");
    get(server.address, "/x").await;
    get(server.address, "/x").await;
    send(server.address, b"GET / HTTP/1.1\r\n\r\n").await;
    let metrics = get(server.operations, "/metrics").await;
    for line in [
        r#"hallpass_http_requests_total{endpoint="echo",method="GET",status="200"} 2"#,
        r#"hallpass_http_requests_total{endpoint="none",method="GET",status="400"} 1"#,
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r",
    ] {
        assert!(
            metrics
                .lines()
                .any(|each| each.trim_end() == line.trim_end()),
            "{line}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn health_is_told_on_the_second_listener_only() {
    let server = start("");
    for path in ["/health/live", "/health/ready"] {
        assert!(
            get(server.operations, path)
                .await
                .starts_with("HTTP/1.1 200 ")
        );
        assert!(get(server.address, path).await.contains("GET /health"));
    }
    assert!(
        get(server.operations, "/x")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    let post =
        "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(
        send(server.operations, post.as_bytes())
            .await
            .starts_with("HTTP/1.1 405 ")
    );
}

#[tokio::test]
async fn the_end_waits_for_requests_in_flight_and_takes_no_new_ones() {
    let server = start("");
    let mut idle = connect(server.address).await;
    idle.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut one = [0_u8; 15];
    idle.read_exact(&mut one).await.unwrap();
    let mut working = connect(server.address).await;
    working
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    server.echo.arrived.acquire().await.unwrap().forget();
    server.ender.advance();
    rest(&mut idle).await;
    assert!(
        get(server.operations, "/health/ready")
            .await
            .contains("not ready: draining")
    );
    assert!(
        get(server.operations, "/health/live")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
    server.echo.go.add_permits(1);
    assert!(rest(&mut working).await.contains("GET /wait"));
    server.served.await.unwrap();
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let server = start("");
    let mut working = connect(server.address).await;
    working
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    server.echo.arrived.acquire().await.unwrap().forget();
    server.ender.advance();
    server.ender.advance();
    server.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_drain_has_an_end() {
    let server = start("server.drain_seconds = 10");
    let mut working = connect(server.address).await;
    working
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    server.echo.arrived.acquire().await.unwrap().forget();
    let begin = tokio::time::Instant::now();
    server.ender.advance();
    server.served.await.unwrap();
    assert!(
        (10..=11).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn who_announces_the_end_goes_on_serving_for_a_while() {
    let server = start("server.announce_seconds = 300");
    server.ender.advance();
    assert!(
        get(server.operations, "/health/ready")
            .await
            .contains("not ready: draining")
    );
    assert!(get(server.address, "/x").await.contains("GET /x"));
    server.ender.advance();
    server.served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_announcement_has_an_end() {
    let server = start("server.announce_seconds = 5");
    let begin = tokio::time::Instant::now();
    server.ender.advance();
    server.served.await.unwrap();
    assert!(
        (5..=6).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
}
