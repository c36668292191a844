/** The API of a simulated Bottlerocket instance: `apiclient`, the setting, and the agent's config as its template makes it. */

import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { AgentDouble } from '../doubles/instance-agent.ts'

interface RegistryCredential {
  readonly registry?: string
  readonly auth?: string
  readonly username?: string
  readonly password?: string
}

const FIELDS = ['registry', 'username', 'password', 'auth', 'identitytoken']

export class BottlerocketApi {
  credentials: readonly RegistryCredential[] = []
  /** Command lines of apiclient. */
  readonly calls: string[] = []
  /** `ignored`: the agent is not restarted. `refused`: the API takes nothing. */
  fault: 'works' | 'ignored' | 'refused' = 'works'
  /** Called before a setting is applied. */
  before: () => void | Promise<void> = () => {}
  readonly #agent: AgentDouble
  readonly #server: Server

  constructor(agent: AgentDouble) {
    this.#agent = agent
    this.#server = createServer((socket) => {
      let text = ''
      socket.on('error', () => socket.destroy())
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const [argv, input, rest] = text.split('\n')
        if (argv === undefined || input === undefined || rest === undefined) return
        this.calls.push(argv)
        void this.#answer(argv, input).then(([code, output]) => socket.end(`${code}\n${output}`))
      })
    })
  }

  async install(bin: string): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    const lines = [
      '#!/bin/bash',
      `exec 3<>/dev/tcp/127.0.0.1/${(this.#server.address() as AddressInfo).port} || exit 1`,
      'IFS= read -r input',
      `printf '%s\\n%s\\n' "$*" "$input" >&3`,
      'IFS= read -r code <&3 || exit 1',
      `while IFS= read -r line <&3; do printf '%s\\n' "$line"; done`,
      'exit "$code"',
    ]
    writeFileSync(join(bin, 'apiclient'), `${lines.join('\n')}\n`, { mode: 0o700 })
  }

  async close(): Promise<void> {
    await new Promise((done) => this.#server.close(done))
  }

  async #answer(argv: string, input: string): Promise<readonly [code: number, output: string]> {
    if (argv === 'get settings.container-registry') {
      const settings = this.credentials.length === 0 ? {} : { 'container-registry': { credentials: this.credentials } }
      return [0, `${JSON.stringify({ settings }, null, 2)}\n`]
    }
    if (argv !== 'apply') return [1, '']
    await this.before()
    const wanted = checked(input)
    if (this.fault === 'refused' || wanted === null) return [1, '']
    this.credentials = wanted
    // The API forks what restarts the agent, and answers.
    if (this.fault === 'works' && this.#agent.running) void this.restartAgent()
    return [0, '']
  }

  /** It is gone for as long as somebody has asked for it twice. */
  async restartAgent(): Promise<void> {
    this.#agent.stop()
    await this.startAsked(2)
  }

  /** Starts the agent once it has been asked for so often. */
  async startAsked(times: number): Promise<void> {
    const since = this.#agent.asked
    while (this.#agent.asked < since + times && this.#server.listening) await new Promise((done) => setTimeout(done, 5))
    this.#agent.start(this.variables())
  }

  /** bottlerocket-core-kit packages/ecs-agent/ecs-base-conf: an entry's brace hangs on its password, the end is fixed. */
  variables(): ReadonlyMap<string, string> {
    const variables = new Map([['ECS_CLUSTER', 'prod']])
    if (this.credentials.length === 0) return variables
    const entries = this.credentials.map(({ registry, auth, username, password }) => {
      const key = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
      const fields = [auth && `,"auth": "${auth}"`, username && `,"username": "${username}"`]
      return `"${key}":{"email": "."${fields.join('')}${password ? `,"password": "${password}"}` : ''}`
    })
    variables.set('ECS_ENGINE_AUTH_TYPE', 'dockercfg')
    return variables.set('ECS_ENGINE_AUTH_DATA', `{${entries.join(',')}}}`)
  }
}

/** What the model of the setting takes: known fields, one line each, base64 that decodes. null: the API answers 400. */
function checked(input: string): readonly RegistryCredential[] | null {
  const credentials = JSON.parse(input).settings?.['container-registry']?.credentials
  if (!Array.isArray(credentials)) return null
  const good = credentials.every(
    (entry: Record<string, unknown>) =>
      Object.entries(entry).every(([name, value]) => FIELDS.includes(name) && /^[^\n]+$/.test(String(value))) &&
      Buffer.from(String(entry['auth']), 'base64').toString('base64') === entry['auth'],
  )
  return good ? credentials : null
}
