/** A string that cannot be printed by accident. */

const HIDDEN = '[secret]'

/**
 * Wraps a credential from the moment it exists. Interpolation, JSON, `console.log` and `util.inspect` show `[secret]`.
 * `reveal()` is for the few places where the value must leave the process: HTTP headers and bodies, the text of the
 * stored config, the mask list of the Action. A test counts its callers.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  get length(): number {
    return this.#value.length
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN
  }
}

/** `user:password` in base64: the Basic credential of RFC 7617 and the `auth` of Docker's config file. */
export function basicCredential(username: string, password: Secret): Secret {
  return new Secret(Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64'))
}

/** An `Authorization: Basic` header value. */
export function basicHeader(username: string, password: Secret): Secret {
  return new Secret(`Basic ${basicCredential(username, password).reveal()}`)
}

/** An `Authorization: Bearer` header value. */
export function bearerHeader(token: Secret): Secret {
  return new Secret(`Bearer ${token.reveal()}`)
}

/** A user name for people. Some registries take the token itself as the name (DigitalOcean): then it is hidden too. */
export function shownUsername(username: string, password: Secret): string {
  return password.equals(new Secret(username)) ? HIDDEN : username
}

/** Every spelling of a credential that a log could show, for masking; forms shorter than 4 characters would mask everything. */
export function spellings(secret: Secret, username?: string): readonly string[] {
  const plain = secret.reveal()
  const json = JSON.stringify(plain).slice(1, -1)
  const lines = plain.split(/\r?\n/)
  const forms = [plain, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(plain.toWellFormed()), ...lines]
  forms.push(Buffer.from(plain, 'utf8').toString('base64'))
  if (username !== undefined) forms.push(basicCredential(username, secret).reveal())
  return [...new Set(forms)].filter((form) => form.length >= 4)
}
