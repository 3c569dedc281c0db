//! Every page that the server has, with something in it, behind a socket.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use hallpass_pages::{Chrome, Lang, Page, Pages, samples};

/// A listener with the samples of the pages as `/LANGUAGE/NAME`, each with its own policy.
#[derive(Debug)]
pub(crate) struct Gallery {
    port: u16,
    names: Vec<&'static str>,
}

/// A file with the headers that go with it.
type File = (String, Vec<u8>);

impl Gallery {
    /// All samples in these languages.
    pub(crate) fn start(languages: &[Lang]) -> Self {
        let pages = Pages::new().unwrap();
        let mut files: HashMap<String, File> = HashMap::new();
        for asset in pages.assets().all() {
            let head = format!("Content-Type: {}\r\n", asset.content_type);
            files.insert(asset.path.clone(), (head, asset.bytes.to_vec()));
        }
        let mut names = Vec::new();
        for (name, page) in samples::all() {
            names.push(name);
            for &lang in languages {
                let chrome = Chrome {
                    lang,
                    ..samples::CHROME
                };
                let leaves = matches!(page, Page::FormPost(_));
                let html = pages.render(page, &chrome);
                // This one would send itself away.
                let csp = if leaves {
                    html.csp.replace("script-src ", "script-src 'none'; was ")
                } else {
                    html.csp
                };
                let head = format!(
                    "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {csp}\r\n"
                );
                let path = format!("/{}/{name}", lang.tag());
                files.insert(path, (head, html.body.into_bytes()));
            }
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Arc::new(files);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let files = Arc::clone(&files);
                // A browser opens connections that it does not use.
                std::thread::spawn(move || drop(serve(&stream, &files)));
            }
        });
        Self { port, names }
    }

    /// The names of the samples.
    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The address of a sample.
    pub(crate) fn url(&self, lang: Lang, name: &str) -> String {
        format!("http://localhost:{}/{}/{name}", self.port, lang.tag())
    }
}

fn serve(stream: &TcpStream, files: &HashMap<String, File>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line.len() > 2 {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let mut stream = stream;
    let (status, (head, body)) = match files.get(&path) {
        Some(file) => ("200 OK", file),
        None => ("404 Not Found", &(String::new(), Vec::new())),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}
