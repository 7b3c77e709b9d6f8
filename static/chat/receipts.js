// Tells the server how far this person has got: what has arrived here, and what they have read.

const SOON_MS = 500;

export class Receipts {
  #connection; #on; #due = new Set();

  // `on`: read(conversation, seq), aside(promise).
  constructor(connection, on) { this.#connection = connection; this.#on = on; }

  // Everything up to its cursor is here. Of many messages in a row the last one is told.
  arrived(conversation) {
    if (!this.#due.size) setTimeout(() => this.#on.aside(this.#tellDelivered()), SOON_MS);
    this.#due.add(conversation);
  }

  async read(conversation, seq) {
    conversation.toldRead = seq;
    try {
      await this.#connection.insist("message:read", { conversationId: conversation.id, seq });
    } catch (error) {
      if (error.code === "no_connection") conversation.toldRead = 0; // to be told again
      throw error;
    }
    this.#on.read(conversation, seq);
  }

  async #tellDelivered() { // without a connection the next one begins with it
    const due = [...this.#due].map((conversation) => [conversation, conversation.cursor]);
    this.#due.clear();
    for (const [conversation, seq] of due) {
      if (seq <= Math.max(conversation.toldRead, conversation.toldDelivered)) continue;
      await this.#connection.insist("message:delivered", { conversationId: conversation.id, seq });
      conversation.toldDelivered = seq;
    }
  }
}
