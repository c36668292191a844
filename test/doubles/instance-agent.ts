/** The ECS agent of a simulated instance: reads its config once, at start, and keeps pulling with what it then loaded. */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseAuthData, type Resolution, resolve } from '../../src/core/auth-data.ts'
import { DATA_KEY, readVariables, TYPE_KEY } from '../../src/core/ecs-config.ts'
import type { Credential } from '../../src/core/ports.ts'
import { decodeUtf8 } from '../../src/core/utf8.ts'

/**
 * `unregistered`: runs, but never gets its ARN. `flaps`: registers, dies, is started again by ecs-init, and so on.
 * `exits`: ends with exit code 5, as with a changed cluster.
 */
export type AgentHealth = 'healthy' | 'unregistered' | 'flaps' | 'exits'

export type Variables = ReadonlyMap<string, string>

export class AgentDouble {
  /** Decides how the agent fares with the variables that it is started with. */
  health: (variables: Variables) => AgentHealth = () => 'healthy'
  /** The cluster that it has from ecs.config.json or from user data, should its variables name none. */
  clusterElsewhere = 'default'
  /** How often its introspection was asked, whether it ran or not. */
  asked = 0
  /** So many questions get no answer at all, as from an agent that is busy. */
  silences = 0
  /** How often the agent was started. */
  starts = 0
  readonly #configFiles: readonly string[]
  readonly #introspection: Server
  readonly #arn: string
  /** null: not running. */
  #loaded: Variables | null = null
  /** The agent refuses to start in another cluster than the one in its state file (agent/app/agent.go). */
  #savedCluster: string | null = null
  #answers = 0

  /** `configFiles`: later ones go over earlier ones, as in ecs-init. */
  constructor(configFiles: readonly string[], instanceId: string) {
    this.#configFiles = configFiles
    this.#arn = `arn:aws:ecs:eu-central-1:111122223333:container-instance/${instanceId}`
    this.#introspection = createServer((request, response) => {
      this.asked += 1
      if (this.silences > 0) {
        this.silences -= 1
        return
      }
      const health = this.#loaded === null ? null : this.health(this.#loaded)
      const dead = health === null || (health === 'flaps' && this.#answers++ % 2 === 1)
      if (dead) {
        request.socket.destroy()
        return
      }
      response.statusCode = request.url === '/v1/metadata' ? 200 : 404
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          Cluster: this.#savedCluster,
          ContainerInstanceArn: health === 'unregistered' ? null : this.#arn,
          Version: 'Amazon ECS Agent - v1.105.1 (8dfceca6)',
        }),
      )
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#introspection.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#introspection.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#introspection.closeAllConnections()
    await new Promise((done) => this.#introspection.close(done))
  }

  get running(): boolean {
    return this.#loaded !== null
  }

  /** Starts, as ecs-init starts it with what the files say. False: it has ended again at once. */
  start(variables: Variables = this.#fromFiles()): boolean {
    this.starts += 1
    const cluster = variables.get('ECS_CLUSTER')?.trim() || this.clusterElsewhere
    this.#savedCluster ??= cluster
    if (cluster !== this.#savedCluster || this.health(variables) === 'exits') return false
    this.#loaded = variables
    this.#answers = 0
    return true
  }

  #fromFiles(): Variables {
    return new Map(this.#configFiles.flatMap((file) => [...readVariables(readText(file))]))
  }

  stop(): void {
    this.#loaded = null
  }

  /** What the running agent would pull with; null: anonymously, or it does not run. */
  credentialFor(image: string): Credential | null {
    return this.resolve(image)?.credential ?? null
  }

  resolve(image: string): Resolution | null {
    if (this.#loaded === null) return null
    const auth = parseAuthData(this.#loaded.get(TYPE_KEY) ?? '', this.#loaded.get(DATA_KEY) ?? '')
    return resolve(auth, image)
  }
}

function readText(file: string): string {
  try {
    return decodeUtf8(readFileSync(file))
  } catch {
    return ''
  }
}
