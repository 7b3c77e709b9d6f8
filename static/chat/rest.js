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
  const response = await fetch(`/api/v1${path}`, request).catch(() => { throw noConnection(); });
  if (response.status === 204) return null;
  const data = await response.json().catch(() => { throw noConnection(); }); // a proxy's own error page
  if (!response.ok) throw new WireError(data, response.status);
  return data;
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

export async function api(method, path, body) {
  const ask = async (expired) => call(method, path, body, { Authorization: `Bearer ${await bearer(expired)}` });
  return ask(false).catch((error) => {
    if (error.code !== "token_expired") throw error;
    return ask(true); // the clock of this machine was set back
  });
}

export const maybeSignedIn = () => localStorage.getItem(SIGNED_IN) !== null;

export async function signIn(username, password) {
  const answer = await call("POST", "/auth/token", { username, password, cookie: true });
  remember(answer);
  localStorage.setItem(SIGNED_IN, answer.user.id);
}

export const signOut = () => api("POST", "/auth/logout");

// The cookie is one for all tabs: when another tab signs somebody else in or out, this one starts anew.
addEventListener("storage", ({ key, oldValue, newValue }) => {
  if (key === SIGNED_IN && oldValue && oldValue !== newValue) location.reload();
});
