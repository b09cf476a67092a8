//! The HTTP server: `/metrics`, `/api/snapshot`, `/api/history`, `/healthz`.
//!
//! It runs on one thread of its own, but for the history, which takes a while to put together. The
//! tick side publishes a snapshot by swapping a pointer; a
//! page is rendered at most once per sample, when the first client asks for it, on the server's
//! thread. So a scrape never reads a sensor, never waits for a read and never delays a tick, and
//! nobody pays for pages that nobody fetches.
//!
//! Who may ask is decided before anything else: see [`Policy`].

mod address;
mod policy;

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use retop_model::Snapshot;
use retop_model::family::host;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use address::{ServeError, parse_address};
pub use policy::{Policy, Refusal};

use crate::export::Arguments;
use crate::export::groups::Grouped;
use crate::export::json::{self, JsonView};
use crate::export::names::{Beside, Names};
use crate::export::prometheus::{self, Format};
use crate::history::History;
use crate::recording::segment_of;

/// Connections at a time; the next one is closed at once, which a client understands sooner than
/// silence.
const CONNECTIONS: usize = 64;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 * 1024;
/// How long a client may take to send a request's head, and stay idle between requests.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection lives, so that slow readers do not hold all of them.
const CONNECTION_TIME: Duration = Duration::from_secs(60);
/// Histories that are sent at a time. Each is a copy of up to the memory that the history may take,
/// for as long as its reader is slow.
const HISTORIES: usize = 2;
/// How long it then has to finish the response that it is in.
const FINISH_TIME: Duration = Duration::from_secs(10);

/// What is served, where, and to whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names by which clients may address the server, besides `localhost`, the address that it
    /// is bound to and the name of the host.
    pub allowed_hosts: Vec<String>,
    /// What is scraped beyond the default.
    pub scrape: prometheus::Options,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    policy: Policy,
    scrape: prometheus::Options,
    moment: Mutex<Option<Arc<Moment>>>,
    past: OnceLock<Past>,
}

/// The samples of the past, for whoever replays them elsewhere.
struct Past {
    history: Arc<Mutex<History>>,
    interval: Duration,
    /// What the history holds of process arguments.
    arguments: Arguments,
    copies: Arc<Semaphore>,
}

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Past({:?})", self.interval)
    }
}

/// Lets a server that runs serve the past as well.
#[derive(Debug)]
pub struct PastSlot(Arc<Shared>);

impl PastSlot {
    /// Serves this history from now on: samples that far apart, with so much of process arguments.
    pub fn set(&self, history: Arc<Mutex<History>>, interval: Duration, arguments: Arguments) {
        let copies = Arc::new(Semaphore::new(HISTORIES));
        let _ = self.0.past.set(Past { history, interval, arguments, copies });
    }
}

/// A published snapshot with its pages.
#[derive(Debug)]
struct Moment {
    snapshot: Arc<Snapshot>,
    groups: Option<Grouped>,
    beside: Beside,
    text: OnceLock<Bytes>,
    open_metrics: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
}

impl Server {
    /// Binds the address and begins to serve. Until the first snapshot is published, clients are
    /// told to come back.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound, with what to do about it.
    pub fn start(settings: Settings) -> Result<Server, ServeError> {
        let wanted = settings.listen;
        let failed = |error| ServeError::bind(wanted, error);
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let policy = Policy { bound: address.ip(), allowed_hosts: settings.allowed_hosts };
        let (moment, past) = (Mutex::new(None), OnceLock::new());
        let shared = Arc::new(Shared { policy, scrape: settings.scrape, moment, past });
        let (stop, stopped) = oneshot::channel();
        let router = router(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("retop-serve".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(accept(listener, router));
                let _ = stopped.await;
            });
            // Dropping the runtime drops every connection: no client can hold the exit up.
        });
        let thread = Some(thread.map_err(failed)?);
        Ok(Server { address, shared, stop: Some(stop), thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The line that the user should read if others can reach the server.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.shared.policy.is_exposed().then(|| {
            let address = self.address;
            format!("{address} can be reached by others without a password; only /metrics is served there")
        })
    }

    /// Where to put the history that is served, once there is one.
    #[must_use]
    pub fn past(&self) -> PastSlot {
        PastSlot(Arc::clone(&self.shared))
    }

    /// Makes a snapshot the one that is served, and lets go of the one before.
    pub fn publish(&self, snapshot: Arc<Snapshot>, groups: Option<Grouped>) {
        self.publish_beside(snapshot, groups, Beside::default());
    }

    /// The same with what other tools tell beside it, under whose names it is served.
    pub fn publish_beside(&self, snapshot: Arc<Snapshot>, groups: Option<Grouped>, beside: Beside) {
        let (text, open_metrics, json) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let moment = Moment { snapshot, groups, beside, text, open_metrics, json };
        let before = self.shared.lock().replace(Arc::new(moment));
        // Freed here, outside the lock: a big process table takes its time.
        drop(before);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Moment>>> {
        self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Option<Arc<Moment>> {
        self.lock().clone()
    }
}

impl Moment {
    fn metrics(&self, format: Format, options: prometheus::Options) -> Bytes {
        let page = match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
        };
        let render = || {
            let mut out = String::with_capacity(16 * 1024);
            let (snapshot, names) = (&self.snapshot, options.names);
            if !prometheus::write_theirs(&mut out, format, snapshot, &self.beside, names) {
                prometheus::write(&mut out, format, snapshot, self.groups.as_ref(), options);
            }
            out.into()
        };
        page.get_or_init(render).clone()
    }

    fn json(&self) -> Bytes {
        let render = || {
            let view = JsonView { snapshot: &self.snapshot, options: json::Options::default() };
            serde_json::to_vec(&view).unwrap_or_default().into()
        };
        self.json.get_or_init(render).clone()
    }
}

/// Takes connections until the runtime is dropped.
async fn accept(listener: TcpListener, router: Router) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: the pause keeps the thread from spinning.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(HEAD_BYTES)
                .max_headers(64);
            let _ = stream.set_nodelay(true);
            let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
            if tokio::time::timeout(CONNECTION_TIME, connection.as_mut()).await.is_err() {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(FINISH_TIME, connection).await;
            }
            drop(permit);
        });
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/metrics/", get(metrics))
        .route("/api/snapshot", get(snapshot))
        .route("/api/history", get(history))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared)
}

/// Refuses what the policy refuses, and sets the headers that every response carries.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let moment = shared.moment();
    let host_name = moment.as_ref().and_then(|m| m.snapshot.one_text(host::name));
    let hosts = request.headers().get_all(header::HOST).iter().map(HeaderValue::to_str);
    let hosts = hosts.chain(request.uri().authority().map(|authority| Ok(authority.as_str())));
    let origins = request.headers().get_all(header::ORIGIN).iter().map(HeaderValue::to_str);
    let hosts: Vec<&str> = hosts.map(|host| host.unwrap_or("")).collect();
    let origins: Vec<&str> = origins.map(|origin| origin.unwrap_or("")).collect();
    let host_name = host_name.map_or("", |name| name.shown());
    let verdict = shared.policy.check(&hosts, &origins, request.uri().path(), host_name);
    let mut response = match verdict {
        Ok(()) => next.run(request).await,
        Err(refusal) => (refusal.status(), format!("{refusal}\n")).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What there is; under the names of actop its page, as there.
async fn index(state: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if state.scrape.names == Names::Actop {
        return metrics(state, headers).await;
    }
    INDEX.into_response()
}

const INDEX: &str = "retop\n\n\
     /metrics       Prometheus text, or OpenMetrics if asked for\n\
     /api/snapshot  the newest sample as JSON\n\
     /api/history   the samples in memory, for retop replay http://HOST:PORT\n\
     /healthz       200 once there is a sample\n";

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    if shared.moment().is_some() { "ok\n".into_response() } else { too_early() }
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let Some(moment) = shared.moment() else { return too_early() };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::negotiate(accept.unwrap_or(""));
    let page = moment.metrics(format, shared.scrape);
    ([(header::CONTENT_TYPE, format.content_type())], page).into_response()
}

async fn snapshot(State(shared): State<Arc<Shared>>) -> Response {
    let Some(moment) = shared.moment() else { return too_early() };
    ([(header::CONTENT_TYPE, "application/json")], moment.json()).into_response()
}

/// The history as a segment of a recording, `?from=` some ms since 1970 on. Copied under no lock but
/// that of the view.
async fn history(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let from_ms = match query.as_deref().map(|query| query.strip_prefix("from=")) {
        None => Some(i64::MIN),
        Some(from) => from.and_then(|from| from.parse().ok()),
    };
    let Some(from_ms) = from_ms else {
        return (StatusCode::BAD_REQUEST, "only ?from=MILLISECONDS is understood\n")
            .into_response();
    };
    let Some(past) = shared.past.get() else {
        return (StatusCode::NOT_FOUND, "no history is kept\n").into_response();
    };
    let Ok(permit) = Arc::clone(&past.copies).try_acquire_owned() else {
        return come_back("others fetch the history just now; ask again in a second\n");
    };
    let view = past.history.lock().unwrap_or_else(PoisonError::into_inner).view();
    let interval_ms = u64::try_from(past.interval.as_millis()).unwrap_or(u64::MAX);
    let arguments = past.arguments;
    let copy = move || segment_of(&view, from_ms, interval_ms, arguments);
    match tokio::task::spawn_blocking(copy).await {
        Ok(Some(segment)) => {
            let kind = "application/vnd.retop.recording";
            let body = Bytes::from_owner(Copied { segment, _permit: permit });
            ([(header::CONTENT_TYPE, kind)], body).into_response()
        }
        _ => too_early(),
    }
}

/// A history on its way: it counts among [`HISTORIES`] until the last byte has been sent.
struct Copied {
    segment: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Copied {
    fn as_ref(&self) -> &[u8] {
        &self.segment
    }
}

/// The first sample is not there yet.
fn too_early() -> Response {
    come_back("no sample yet\n")
}

fn come_back(why: &'static str) -> Response {
    let retry = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, why).into_response()
}

#[cfg(test)]
mod tests;
