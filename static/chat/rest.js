// The REST side of the wire, and who is signed in. The access token lives in this module's memory only; the refresh
// token is a cookie that no script can read.

const SIGNED_IN = "parley-signed-in"; // holds the user's id: tells a new tab that there may be a session to refresh
const ENDS_SOON_MS = 15_000;

let access = { token: "", until: 0 };
let refreshing = null;

export class WireError extends Error {
  constructor({ code, detail, errors = [], retryAfterMs }, status = 0) {
    super([detail, ...errors.map(({ field, message }) => `${field}: ${message}`)].join(" "));
    Object.assign(this, { code, retryAfterMs, status });
  }
}

export const noConnection = () => new WireError({ code: "no_connection", detail: "The server cannot be reached." });

async function call(method, path, body, headers = {}) {
  const request = { method, headers: { "X-Parley": "1", ...headers } };
  if (body) Object.assign(request, { body: JSON.stringify(body) }).headers["Content-Type"] = "application/json";
  const response = await answer(`/api/v1${path}`, request);
  return response.status === 204 ? null : read(response);
}

const answer = (url, request) => fetch(url, request).catch(() => { throw noConnection(); });

async function read(response) {
  const data = await response.json().catch(() => { throw noConnection(); }); // a proxy's own error page
  if (!response.ok) throw new WireError(data, response.status);
  return data;
}

// Fails as the link does: its first byte is asked for, which HEAD would promise unseen.
export async function requireOpens(url) {
  const response = await answer(url, { headers: { Range: "bytes=0-0" } });
  if (!response.ok) await read(response);
}

function remember(answer) {
  access = { token: answer.access, until: Date.now() + answer.expiresIn * 1000 };
}

export function forget() {
  access = { token: "", until: 0 };
  localStorage.removeItem(SIGNED_IN);
}

// A token that is good for a while. `expired`: the server said that the present one is not.
export async function bearer(expired = false) {
  if (expired || Date.now() > access.until - ENDS_SOON_MS) {
    refreshing ??= call("POST", "/auth/token/refresh", {}).then(remember).finally(() => { refreshing = null; });
    await refreshing;
  }
  return access.token;
}

// `ask(token)`, and once more with another token when the server says that the first one has ended.
async function signedIn(ask) {
  return ask(await bearer()).catch(async (error) => {
    if (error.code !== "token_expired") throw error;
    return ask(await bearer(true)); // the clock of this machine was set back
  });
}

export const api = (method, path, body) =>
  signedIn((token) => call(method, path, body, { Authorization: `Bearer ${token}` }));

// Sends a form. `progressed(part)`: how much of it has gone, which only XMLHttpRequest can tell; `signal` ends it.
export const upload = (path, form, watched) => signedIn((token) => sendForm(path, form, token, watched));

function sendForm(path, form, token, { signal, progressed }) {
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    signal.throwIfAborted(); // while the token was got
    signal.addEventListener("abort", () => { request.abort(); reject(signal.reason); });
    request.open("POST", `/api/v1${path}`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progressed(loaded / total);
    request.onload = () => (request.response?.id ? resolve(request.response) : reject(refusalOf(request)));
    request.onerror = () => reject(noConnection());
    request.send(form);
  });
}

function refusalOf({ status, response }) {
  if (response?.code) return new WireError(response, status);
  if (status >= 500 || status === 201) return noConnection(); // a proxy's own error page
  return new WireError({ code: "refused", detail: `This was refused (${status}).` }, status);
}

export const maybeSignedIn = () => localStorage.getItem(SIGNED_IN) !== null;

export async function signIn(username, password, otp) {
  const answer = await call("POST", "/auth/token", { username, password, otp, cookie: true });
  remember(answer);
  localStorage.setItem(SIGNED_IN, answer.user.id);
}

export const signOut = () => api("POST", "/auth/logout");

// The cookie is one for all tabs: `action` when another tab has signed somebody else in, or out.
export function whenAnotherTabSigns(action) {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === SIGNED_IN && oldValue && oldValue !== newValue) action();
  });
}
