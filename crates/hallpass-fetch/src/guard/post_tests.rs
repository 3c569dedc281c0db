use super::*;
use crate::guard::tests::{OK, Server, lenient, strict};

fn post(url: &str) -> PostRequest<'_> {
    PostRequest {
        url,
        content_type: "application/x-www-form-urlencoded",
        authorization: None,
        headers: &[],
        body: "a=b",
        timeout: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn what_is_posted_arrives_as_it_was_given() {
    let server = Server::plain(OK).await;
    let url = server.url("/out?x=y");
    let request = PostRequest {
        authorization: Some("Bearer t"),
        headers: &[("webhook-id", "msg_1")],
        ..post(&url)
    };
    assert_eq!(lenient().post(request).await, Ok(200));
    let seen = server.requests.lock().unwrap().join("");
    assert!(seen.starts_with("POST /out?x=y HTTP/1.1\r\n"), "{seen}");
    for line in [
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-length: 3\r\n",
        "authorization: Bearer t\r\n",
        "webhook-id: msg_1\r\n",
    ] {
        assert!(seen.contains(line), "{seen}");
    }
}

// LO-09: whatever the receiver does, it is one answer, in time
// CB-08, LO-09
#[tokio::test]
async fn any_status_is_an_answer_and_no_redirect_is_followed() {
    let canary = Server::plain(OK).await;
    for status in ["204 No Content", "400 Bad Request", "500 X", "307 X"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            canary.url("/")
        );
        let server = Server::plain(answer).await;
        let number = status.get(..3).unwrap().parse().unwrap();
        let answer = lenient().post(post(&server.url("/"))).await;
        assert_eq!(answer, Ok(number));
    }
    assert_eq!(canary.count(), 0);
}

#[tokio::test]
async fn a_long_answer_is_not_read_and_a_silent_receiver_is_not_waited_for() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}",
        "x".repeat(100_000)
    );
    let server = Server::plain(long).await;
    assert_eq!(lenient().post(post(&server.url("/"))).await, Ok(200));
    let silent = Server::plain("...").await;
    let url = silent.url("/");
    let request = PostRequest {
        timeout: Duration::from_millis(50),
        ..post(&url)
    };
    assert_eq!(lenient().post(request).await, Err(FetchError::Failed));
}

// CB-08, LO-09, RG-09
#[tokio::test]
async fn nothing_is_posted_to_an_address_inside() {
    let server = Server::plain(OK).await;
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "localhost",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            assert_eq!(strict().post(post(&url)).await, Err(FetchError::Blocked));
        }
    }
    assert_eq!(server.count(), 0);
}

// UP-09: one person's answer that is too long shuts nobody else off
#[tokio::test]
async fn an_answer_about_one_person_says_nothing_about_the_next() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{}",
        "x".repeat(5_000)
    );
    let server = Server::plain(long).await;
    let guard = lenient();
    let url = server.url("/token");
    let ask = || ExchangeRequest {
        url: &url,
        form: Some("code=a"),
        accept: "application/json",
        authorization: None,
        max_bytes: 1_000,
        timeout: Duration::from_secs(5),
    };
    for count in 1..=3 {
        let answer = guard.exchange(ask()).await;
        assert_eq!(answer.unwrap_err(), FetchError::Failed);
        assert_eq!(server.count(), count);
    }
    let long_enough = ExchangeRequest {
        max_bytes: 10_000,
        ..ask()
    };
    assert_eq!(guard.exchange(long_enough).await.unwrap().status, 200);
}

// UP-13
#[tokio::test]
async fn many_who_come_from_one_provider_at_once_wait_for_each_other() {
    let server = Server::plain(OK).await;
    let guard = Arc::new(lenient());
    let url = server.url("/token");
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (guard, url) = (Arc::clone(&guard), url.clone());
            tokio::spawn(async move {
                let ask = ExchangeRequest {
                    url: &url,
                    form: Some(&format!("code={number}")),
                    accept: "application/json",
                    authorization: None,
                    max_bytes: 1_000,
                    timeout: Duration::from_secs(5),
                };
                guard.exchange(ask).await.map(|answer| answer.status)
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(200));
    }
    assert_eq!(server.count(), 100);
}

// UP-09: one person's answer that is late shuts nobody else off
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_for_one_person_is_not_late_for_the_next() {
    let server = Server::plain("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n...").await;
    let guard = lenient();
    let url = server.url("/token");
    let ask = || ExchangeRequest {
        url: &url,
        form: Some("code=a"),
        accept: "application/json",
        authorization: None,
        max_bytes: 1_000,
        timeout: Duration::from_secs(5),
    };
    for count in 1..=5 {
        let answer = guard.exchange(ask()).await;
        assert_eq!(answer.unwrap_err(), FetchError::Failed);
        assert_eq!(server.count(), count, "everybody's code is asked about");
    }
    // After several with nothing between them it has a rest.
    assert_eq!(guard.exchange(ask()).await.unwrap_err(), FetchError::Failed);
    assert_eq!(server.count(), 5);
    tokio::time::advance(Duration::from_millis(1_001)).await;
    assert_eq!(guard.exchange(ask()).await.unwrap_err(), FetchError::Failed);
    assert_eq!(server.count(), 6);
}
