/** The living credentials of both registries: which exist, which were really pulled with, and each one's end. */

import type { Account, TokenStore } from '../doubles/tokens.ts'

export class Ledger implements TokenStore {
  /** Answers from the state before the last change, as a registry does that has not heard of it yet. */
  stale = false
  onRemoved: (account: Account) => void = () => undefined
  readonly #now: () => number
  #accounts: ReadonlyMap<number, Account> = new Map()
  #before: ReadonlyMap<number, Account> = new Map()
  readonly #pulled = new Set<string>()
  #lastId = 0

  constructor(now: () => number) {
    this.#now = now
  }

  add(account: Account): number {
    this.#lastId += 1
    this.#change(new Map([...this.#accounts, [this.#lastId, account]]))
    return this.#lastId
  }

  remove(id: number): boolean {
    const account = this.#accounts.get(id)
    if (account === undefined) return false
    this.#change(new Map([...this.#accounts].filter(([other]) => other !== id)))
    this.onRemoved(account)
    return true
  }

  login(username: string, password: string): Account | null {
    return this.#find(this.stale ? this.#before : this.#accounts, username, password)
  }

  /** The truth, whatever a registry answers just now. */
  living(username: string, password: string): Account | null {
    return this.#find(this.#accounts, username, password)
  }

  all(): readonly Account[] {
    return [...this.#accounts.values()].filter((account) => this.#lives(account))
  }

  /** User names are unique in these worlds. */
  pulled(username: string): void {
    this.#pulled.add(username)
  }

  hasPulled(username: string): boolean {
    return this.#pulled.has(username)
  }

  #change(accounts: ReadonlyMap<number, Account>): void {
    this.#before = this.#accounts
    this.#accounts = accounts
  }

  #find(accounts: ReadonlyMap<number, Account>, username: string, password: string): Account | null {
    for (const account of accounts.values()) {
      if (account.username === username && account.password === password) return this.#lives(account) ? account : null
    }
    return null
  }

  #lives({ expiresAt }: Account): boolean {
    return expiresAt === null || expiresAt > this.#now()
  }
}
