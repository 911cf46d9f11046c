//! axum with its own multipart parser: the uploads as a server that we did not write sees them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, State};

/// One part, as axum's parser sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSeen {
    pub name: Option<String>,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Vec<u8>,
}

/// One form.
#[derive(Clone, Debug)]
pub struct FormSeen {
    pub parts: Vec<PartSeen>,
}

impl FormSeen {
    /// The bytes of the one part that has a file name.
    pub fn image(&self) -> &[u8] {
        let images: Vec<_> = self.parts.iter().filter(|part| part.file_name.is_some()).collect();
        assert_eq!(images.len(), 1, "one part is the frame");
        &images[0].bytes
    }
}

type Forms = Arc<Mutex<Vec<FormSeen>>>;

/// Answers each form with the number of its parts; ends with the test process.
pub struct FormServer {
    pub address: SocketAddr,
    forms: Forms,
}

impl FormServer {
    pub fn start() -> Self {
        let forms = Forms::default();
        let (state, (sender, address)) = (Arc::clone(&forms), std::sync::mpsc::channel());
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let app = Router::new()
                    .fallback(take_form)
                    .layer(DefaultBodyLimit::disable())
                    .with_state(state);
                axum::serve(listener, app).await.unwrap();
            });
        });
        FormServer { address: address.recv().unwrap(), forms }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn forms(&self) -> Vec<FormSeen> {
        self.forms.lock().unwrap().clone()
    }
}

async fn take_form(State(forms): State<Forms>, mut form: Multipart) -> String {
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.expect("a well-formed form") {
        parts.push(PartSeen {
            name: field.name().map(str::to_owned),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(str::to_owned),
            bytes: field.bytes().await.expect("a whole part").to_vec(),
        });
    }
    let answer = parts.len().to_string();
    forms.lock().unwrap().push(FormSeen { parts });
    answer
}
