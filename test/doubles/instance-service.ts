/** systemd of a simulated instance, as far as the script uses it: one unit, behind a `systemctl` command on PATH. */

import { readFileSync } from 'node:fs'
import type { AgentDouble } from './instance-agent.ts'
import { CommandDouble, type Reply } from './instance-command.ts'

export type ServiceState = 'active' | 'inactive' | 'activating' | 'deactivating' | 'failed'

/**
 * `fails`: the unit ends up failed. `limit`: so it does, started too often, until its counter is reset. `hangs`: no
 * answer. `ignored`: says yes and does nothing.
 */
export type RestartFault = 'works' | 'fails' | 'limit' | 'hangs' | 'ignored'

export class ServiceDouble {
  state: ServiceState = 'inactive'
  restart: RestartFault = 'works'
  /** Milliseconds that a restart takes. */
  restartMs = 0
  /** Command lines of `systemctl`, oldest first. */
  readonly calls: string[] = []
  /** Command line and environment of every process that called `systemctl`, where /proc shows them. */
  readonly callers: string[] = []
  /** Called before a command is carried out. */
  before: (argv: readonly string[]) => void | Promise<void> = () => {}
  readonly #unit: string
  readonly #agent: AgentDouble
  readonly #command = new CommandDouble(async (_, argv, caller) => {
    this.#observe(caller)
    this.calls.push(argv.join(' '))
    await this.before(argv)
    return await this.#carryOut(argv)
  })
  #started = 0

  constructor(unit: string, agent: AgentDouble) {
    this.#unit = unit
    this.#agent = agent
  }

  async install(bin: string): Promise<void> {
    await this.#command.install(bin, ['systemctl'])
  }

  async close(): Promise<void> {
    await this.#command.close()
  }

  start(): void {
    this.#started += 1
    this.state = this.#agent.start() ? 'active' : 'failed'
  }

  stop(): void {
    this.#agent.stop()
    this.state = 'inactive'
  }

  #observe(caller: string): void {
    for (const name of ['cmdline', 'environ']) {
      try {
        this.callers.push(readFileSync(`/proc/${caller}/${name}`, 'utf8').replaceAll('\0', '\n'))
      } catch {
        // No /proc on this system, or the caller was killed meanwhile.
      }
    }
  }

  async #carryOut([verb, unit, ...rest]: readonly string[]): Promise<Reply | 'hang'> {
    if (verb === 'show') return { code: 0, output: this.#show(unit, rest) }
    if (unit !== this.#unit) return { code: 5, output: '' }
    switch (verb) {
      case 'is-active':
        return { code: this.state === 'active' ? 0 : 3, output: `${this.state}\n` }
      case 'reset-failed':
        if (this.state === 'failed') this.state = 'inactive'
        if (this.restart === 'limit') this.restart = 'works'
        return { code: 0, output: '' }
      case 'try-restart':
        return this.state === 'active' ? await this.#restart() : { code: 0, output: '' }
      case 'restart':
        return await this.#restart()
      default:
        return { code: 1, output: '' }
    }
  }

  async #restart(): Promise<Reply | 'hang'> {
    if (this.restart === 'hangs') return 'hang'
    if (this.restart === 'ignored') return { code: 0, output: '' }
    this.#agent.stop()
    this.state = 'activating'
    if (this.restartMs > 0) await new Promise((done) => setTimeout(done, this.restartMs))
    if (this.restart === 'fails' || this.restart === 'limit') {
      this.state = 'failed'
      return { code: 1, output: '' }
    }
    this.start()
    // Type=simple: systemctl has its answer as soon as the process exists, whatever becomes of it.
    return { code: 0, output: '' }
  }

  #show(unit: string | undefined, options: readonly string[]): string {
    const known = unit === this.#unit
    const properties: Readonly<Record<string, string>> = {
      LoadState: known ? 'loaded' : 'not-found',
      ActiveState: known ? this.state : 'inactive',
      Result:
        known && this.state === 'failed' ? (this.restart === 'limit' ? 'start-limit-hit' : 'exit-code') : 'success',
      ExecMainStartTimestampMonotonic: known ? String(this.#started * 1_000_000) : '0',
    }
    const asked = options.filter((option) => option !== '-p')
    return asked.map((name) => (name in properties ? `${name}=${properties[name]}\n` : '')).join('')
  }
}
