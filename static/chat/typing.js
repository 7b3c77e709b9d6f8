// Who is typing in the conversation that is looked at, and what others hear of one's own typing.

const AGAIN_MS = 3000, FADES_MS = 4500; // the server repeats every 3 s what goes on

export class Typing {
  #connection; #on; #view = null; #typists = new Map(); #toldAt = 0;

  // `on`: changed(), aside(promise).
  constructor(connection, on) { this.#connection = connection; this.#on = on; }

  get who() { return [...this.#typists.keys()]; }

  // From now on this conversation is looked at; null: none. `left`: nobody needs to be told about the one before.
  look(id, left = false) {
    if (this.#view === id) return;
    const before = this.#view;
    this.#view = id;
    this.#toldAt = 0;
    for (const userId of this.who) this.#stops(userId);
    if (before && !left) this.#tell("conversation:leave", { conversationId: before });
    this.lookAgain();
  }

  // A new connection does not know what is looked at.
  lookAgain() { if (this.#view) this.#tell("conversation:join", { conversationId: this.#view }); }

  hear({ conversationId, userId, isTyping }) {
    if (conversationId !== this.#view) return;
    this.#stops(userId);
    if (isTyping) this.#typists.set(userId, setTimeout(() => this.#stops(userId), FADES_MS));
  }

  // What this person has written so far.
  wrote(text) {
    const types = text.trim() !== "";
    if (types === (this.#toldAt > 0) && Date.now() - this.#toldAt < AGAIN_MS) return;
    if (!types && !this.#toldAt) return;
    this.#toldAt = types ? Date.now() : 0;
    this.#tell("typing", { conversationId: this.#view, isTyping: types });
  }

  // The server knows by itself that who has sent no longer types.
  sent() { this.#toldAt = 0; }

  #stops(userId) {
    clearTimeout(this.#typists.get(userId));
    if (this.#typists.delete(userId)) this.#on.changed();
  }

  #tell(event, data) { this.#on.aside(this.#connection.ask(event, data)); }
}
