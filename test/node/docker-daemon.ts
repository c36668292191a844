/** Docker of a simulated instance, as far as the script uses it: its API on the socket, and the agent's container. */

import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import type { AgentDouble } from '../doubles/instance-agent.ts'

type Json = Record<string, unknown>

export interface ContainerDouble {
  readonly id: string
  name: string
  config: Json
  hostConfig: Json
  image: string
  mounts: Json[]
  status: 'created' | 'running' | 'exited' | 'paused'
  startedAt: string
  exitCode: number
}

interface CreateBody extends Json {
  Image: string
  Env?: string[]
  HostConfig: Json
  Volumes?: Json
}

const IMAGE = 'public.ecr.aws/ecs/amazon-ecs-agent:latest'
/** What `docker run --detach` of the agent's documentation asks for. */
export const AGENT_CONTAINER = {
  Image: IMAGE,
  Hostname: 'ip-10-0-0-1',
  AttachStdout: false,
  AttachStderr: false,
  Cmd: null,
  Labels: { team: 'platform' },
  HostConfig: {
    Binds: ['/var/run:/var/run', '/var/lib/ecs/data:/data', '/etc/ecs:/etc/ecs'],
    NetworkMode: 'host',
    RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 10 },
    CapAdd: ['NET_ADMIN'],
    AutoRemove: false,
    UTSMode: '',
  },
}
export const AGENT_ENV = ['PATH=/sbin:/bin', 'ECS_DATADIR=/data', 'ECS_CLUSTER=prod']

export class DockerDouble {
  readonly containers: ContainerDouble[] = []
  /** Calls that change something, oldest first. */
  readonly calls: string[] = []
  /** What a tag stands for just now. */
  imageId = 'sha256:one'
  /** Called before a changing call is carried out. */
  before: (call: string) => void | Promise<void> = () => {}
  /** Changes what a created container becomes. */
  distort: (container: ContainerDouble) => void = () => {}
  readonly #agent: AgentDouble
  readonly #server: Server
  readonly #socket: string
  #clock = 0

  constructor(agent: AgentDouble, folder: string) {
    this.#agent = agent
    this.#socket = join(folder, 'var/run/docker.sock')
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        void this.#answer(request.method ?? '', request.url ?? '', body).then(([status, answer]) => {
          response.writeHead(status).end(answer === undefined ? undefined : JSON.stringify(answer))
        })
      })
    })
  }

  async listen(): Promise<void> {
    mkdirSync(join(this.#socket, '..'), { recursive: true })
    await new Promise<void>((done) => this.#server.listen(this.#socket, done))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
    rmSync(this.#socket, { force: true })
  }

  find(name: string): ContainerDouble | undefined {
    return this.containers.find((container) => container.name === name)
  }

  get names(): readonly string[] {
    return this.containers.map(({ name, status }) => `${name} ${status}`)
  }

  /** As `docker run`. */
  run(body: CreateBody, name = 'ecs-agent'): ContainerDouble {
    const container = this.#create(name, body)
    this.#start(container)
    return container
  }

  async #answer(method: string, url: string, body: string): Promise<readonly [status: number, answer?: unknown]> {
    const { pathname, searchParams } = new URL(url, 'http://docker')
    if (method !== 'GET') {
      this.calls.push(`${method} ${url}`)
      await this.before(`${method} ${url}`)
    }
    if (pathname === '/containers/create') return this.#createFrom(searchParams.get('name') ?? '', JSON.parse(body))
    const [, , name = '', verb = ''] = pathname.split('/')
    const container = this.find(name)
    if (container === undefined) return [404, { message: `No such container: ${name}` }]
    switch (`${method} ${verb}`) {
      case 'GET json':
        return [200, this.#inspect(container)]
      case 'POST rename':
        if (this.find(searchParams.get('name') ?? '') !== undefined) return [409, { message: 'Conflict.' }]
        container.name = searchParams.get('name') ?? ''
        return [204]
      case 'POST start':
        this.#start(container)
        return [204]
      case 'POST stop':
        this.#stop(container)
        return [204]
      case 'DELETE ':
        if (searchParams.get('force') !== '1' && container.status === 'running') return [409, { message: 'running' }]
        this.#stop(container)
        this.containers.splice(this.containers.indexOf(container), 1)
        return [204]
      default:
        return [404, { message: 'page not found' }]
    }
  }

  #createFrom(name: string, body: CreateBody): readonly [status: number, answer: unknown] {
    if (this.find(name) !== undefined) return [409, { message: 'Conflict. The container name is already in use' }]
    if (body.HostConfig['UTSMode'] === 'host' && body['Hostname'] !== undefined) {
      return [400, { message: 'conflicting options: hostname and the UTS mode' }]
    }
    const container = this.#create(name, body)
    this.distort(container)
    return [201, { Id: container.id, Warnings: [] }]
  }

  #create(name: string, { HostConfig, ...config }: CreateBody): ContainerDouble {
    const binds = (HostConfig['Binds'] ?? []) as string[]
    const volumes = Object.keys(config.Volumes ?? {})
    const container: ContainerDouble = {
      id: randomBytes(32).toString('hex'),
      name,
      config: { Hostname: 'ip-10-0-0-1', ...config },
      hostConfig: HostConfig,
      image: this.imageId,
      mounts: [
        ...binds.map((bind) => ({ Type: 'bind', Source: bind.split(':')[0], Destination: bind.split(':')[1] })),
        // An anonymous volume: a new one for every container.
        ...volumes.map((at) => ({ Type: 'volume', Name: randomBytes(32).toString('hex'), Destination: at })),
      ],
      status: 'created',
      startedAt: '0001-01-01T00:00:00Z',
      exitCode: 0,
    }
    this.containers.push(container)
    return container
  }

  #start(container: ContainerDouble): void {
    if (container.status === 'running') return
    const variables = new Map(
      (container.config['Env'] as string[]).map((pair) => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at), pair.slice(at + 1)] as const
      }),
    )
    this.#clock += 1
    container.startedAt = `2026-11-24T00:00:${String(this.#clock).padStart(2, '0')}Z`
    container.status = this.#agent.start(variables) ? 'running' : 'exited'
    container.exitCode = container.status === 'running' ? 0 : 5
  }

  #stop(container: ContainerDouble): void {
    if (container.status !== 'running') return
    container.status = 'exited'
    this.#agent.stop()
  }

  #inspect(container: ContainerDouble): Json {
    return {
      Id: container.id,
      Name: `/${container.name}`,
      Created: container.id.slice(0, 8),
      State: {
        Status: container.status,
        Running: container.status === 'running' || container.status === 'paused',
        Paused: container.status === 'paused',
        Restarting: false,
        StartedAt: container.startedAt,
        ExitCode: container.exitCode,
      },
      Image: container.image,
      Path: '/agent',
      Args: [],
      Driver: 'overlay2',
      Platform: 'linux',
      AppArmorProfile: '',
      Config: container.config,
      HostConfig: container.hostConfig,
      Mounts: container.mounts,
      NetworkSettings: { Networks: { [String(container.hostConfig['NetworkMode'])]: {} } },
    }
  }
}
