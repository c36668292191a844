/** Watches the promises while a schedule runs: at each move of AWSCURRENT, each revocation, each load, each green. */

import type { Millis } from '../../src/core/ports.ts'
import { findMark } from '../doubles/marks.ts'
import type { Account } from '../doubles/tokens.ts'
import { loginsIn, unmanagedOf } from './config-text.ts'
import type { Ledger } from './ledger.ts'
import type { Node } from './node.ts'
import type { Timeline } from './timeline.ts'

export type PromiseName = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'canary' | 'leak' | 'defect'

export interface Violation {
  readonly promise: PromiseName
  readonly what: string
}

/** In every credential of these worlds, so that one search finds them all. */
export const MARK = 'sweepmarkedsecret'

/** A pull that has begun with a credential may ask with it again for so long; the plan's fleet.drain is longer. */
const PULL: Millis = 2 * 60_000

export interface WatchParts {
  readonly timeline: Timeline
  readonly ledger: Ledger
  readonly nodes: readonly Node[]
  /** Registry keys that the plan manages. */
  readonly managed: readonly string[]
  /** The least life that a promoted credential may have left. */
  readonly leastLife: Millis
  /** The text that a label is on; null when there is none. */
  textAt(label: string): string | null
}

export class Watch {
  readonly violations: Violation[] = []
  tell: ((line: string) => void) | null = null
  readonly #parts: WatchParts
  #lastHuman = ''
  readonly #printed: string[] = []
  readonly #sent = new Set<string>()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  broken(promise: PromiseName, what: string): void {
    this.violations.push({ promise, what })
    this.tell?.(`      !!! ${promise}: ${what}`)
  }

  /** I3: from now on these are the lines to keep. */
  edited(text: string): void {
    this.#lastHuman = text
  }

  /** I1 and I3, at the moment when AWSCURRENT moves to a version of ours. */
  promoted(version: string, text: string): void {
    const { ledger, managed, leastLife, timeline } = this.#parts
    this.tell?.(`      AWSCURRENT → ${version}`)
    for (const key of managed) {
      const login = loginsIn(text).get(key)
      const account = login === undefined ? null : ledger.living(login.username, login.password)
      if (account === null) this.broken('I1', `${version} is current without a living credential for ${key}`)
      else if (!ledger.hasPulled(account.username))
        this.broken('I1', `${version} is current although nobody pulled with its credential for ${key}`)
      else if (account.expiresAt !== null && account.expiresAt - timeline.now() < leastLife)
        this.broken('I1', `${version} is current with too little life left for ${key}`)
    }
    if (unmanagedOf(text, managed) !== unmanagedOf(this.#lastHuman, managed))
      this.broken('I3', `${version} is current without the last edit of somebody else`)
  }

  /** I2, at the moment when a credential is revoked. */
  revoked(account: Account): void {
    this.tell?.(`      revoked: ${account.username}`)
    const { nodes, timeline } = this.#parts
    for (const node of nodes) {
      if (holds(node.loaded, account))
        this.broken('I2', `${account.username} was revoked while ${node.id} pulls with it`)
      const { before } = node
      if (before !== null && timeline.now() - before.until < PULL && holds(before.text, account))
        this.broken('I2', `${account.username} was revoked while a pull of ${node.id} may be under way`)
    }
    for (const label of ['AWSCURRENT', 'AWSPENDING']) {
      const text = this.#parts.textAt(label)
      if (text !== null && holds(text, account))
        this.broken('I2', `${account.username} was revoked while ${label} names it`)
    }
  }

  /** I2, at the moment when an agent has started. */
  loaded(node: Node): void {
    this.tell?.(`      ${node.id} runs ${node.versions.at(-1)}`)
    this.pulls(node)
  }

  /** I2: what an instance has loaded pulls. */
  pulls({ id, loaded }: Node): void {
    const { ledger, managed } = this.#parts
    for (const key of managed) {
      const login = loginsIn(loaded).get(key)
      if (login === undefined || ledger.living(login.username, login.password) === null)
        this.broken('I2', `${id} cannot pull from ${key} with ${login?.username ?? 'nothing'}`)
    }
  }

  /** I6, at the moment when somebody says that every instance runs a version. */
  green(version: string, who: string): void {
    this.tell?.(`      green: ${who} says ${version}`)
    for (const node of this.#parts.nodes) {
      if (!node.versions.includes(version))
        this.broken('I6', `${who} is green for ${version}, which ${node.id} never ran`)
    }
  }

  /** A fleet is not reloaded twice because an answer was lost: the command that was sent is looked for first. */
  sends(who: string, comment: string): void {
    if (this.#sent.has(`${who} ${comment}`)) this.broken('I6', `${who} sends the same command again: ${comment}`)
  }

  /** The command has taken effect. */
  sent(who: string, comment: string): void {
    this.#sent.add(`${who} ${comment}`)
  }

  /** Everybody is reloaded: not before the canary, which is the first instance, has run the version. */
  sentToAll(version: string): void {
    const [canary] = this.#parts.nodes
    if (canary?.versions.includes(version) === false)
      this.broken('canary', `everybody is reloaded, and the canary never ran ${version}`)
  }

  /** A version's rollout is one run at a time, however often its event comes. */
  started(version: string, running: number): void {
    if (running > 1) this.broken('I6', `${running} runs of the runbook at once for ${version}`)
  }

  /** Anything that somebody else may read: searched at the end. */
  printed(text: string): void {
    this.#printed.push(text)
    this.tell?.(`      | ${text}`)
  }

  /** I5. `more`: other secrets, such as rotation tokens. */
  searchPrinted(more: readonly string[]): void {
    const text = this.#printed.join('\n')
    const form = findMark(text, MARK)
    if (form !== null) this.broken('I5', `a credential was printed (${form})`)
    if (more.some((secret) => text.includes(secret))) this.broken('I5', 'a rotation token was printed')
  }

  /** The end: nothing lives but what is current. */
  leaks(minted: (account: Account) => boolean): void {
    const current = this.#parts.textAt('AWSCURRENT') ?? ''
    for (const account of this.#parts.ledger.all().filter(minted)) {
      if (!holds(current, account)) this.broken('leak', `${account.username} lives and nothing names it`)
    }
  }
}

function holds(text: string, { username, password }: Account): boolean {
  return [...loginsIn(text).values()].some((login) => login.username === username && login.password === password)
}
