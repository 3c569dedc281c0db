//! An application as small as can be: one static page, an address where answers arrive, and one for what is posted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// A listener that serves its page at `/`, and notes every request for `/callback` and every body of a POST.
#[derive(Debug)]
pub(crate) struct Application {
    port: u16,
    page: Arc<Mutex<String>>,
    answers: Mutex<Receiver<Url>>,
    posts: Mutex<Receiver<String>>,
}

impl Application {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let page = Arc::new(Mutex::new(String::new()));
        let (send, answers) = channel();
        let (post, posts) = channel();
        let served = Arc::clone(&page);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let page = served.lock().unwrap().clone();
                // A browser opens connections that it does not use.
                drop(serve(&stream, port, &page, (&send, &post)));
            }
        });
        Self {
            port,
            page,
            answers: Mutex::new(answers),
            posts: Mutex::new(posts),
        }
    }

    /// An address here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What `/` shows from now on.
    pub(crate) fn show(&self, body: &str) {
        *self.page.lock().unwrap() = format!("<!doctype html><title>Shop</title>{body}");
    }

    /// The next address below `/callback` that a browser was sent to.
    pub(crate) fn answer(&self) -> Url {
        let answers = self.answers.lock().unwrap();
        answers.recv_timeout(LIMIT).expect("an answer arrives")
    }

    /// The next body that somebody posted, to whatever address.
    pub(crate) fn posted(&self) -> String {
        let posts = self.posts.lock().unwrap();
        posts.recv_timeout(LIMIT).expect("something is posted")
    }
}

fn serve(
    stream: &TcpStream,
    port: u16,
    page: &str,
    (answers, posts): (&Sender<Url>, &Sender<String>),
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let is_post = line.starts_with("POST ");
    let mut length = 0;
    while line.len() > 2 {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    if is_post {
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body)?;
        drop(posts.send(body));
    }
    let body = match target.as_str() {
        "/" => page,
        path if path.starts_with("/callback") => {
            let url = Url::parse(&format!("http://127.0.0.1:{port}{path}")).unwrap();
            drop(answers.send(url));
            "<!doctype html><title>Shop</title><p id=arrived>Welcome back.</p>"
        }
        _ => "",
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const LIMIT: Duration = Duration::from_secs(30);
