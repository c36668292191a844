/** A shipped function as Lambda runs it: its process, its environment, and the Runtime API that it asks for events. */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { NODE_24 } from './run-process.ts'

const ROOT = resolve(import.meta.dirname, '../..')

export interface Invoked {
  /** What the handler returned. */
  readonly result: unknown
  /** What it threw, as Lambda tells its caller. */
  readonly error: { readonly errorType: string; readonly errorMessage: string } | null
}

export interface LambdaFunction {
  invoke(event: unknown): Promise<Invoked>
  /** Everything that the function has printed. */
  log(): string
}

export interface FunctionOrder {
  readonly bundle: 'rotate' | 'react'
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** The program that serves the handler; default: the short runtime beside this file. */
  readonly runtime?: readonly string[]
}

const TIMEOUT = 60_000

export async function startFunction(t: TestContext, order: FunctionOrder): Promise<LambdaFunction> {
  const api = new RuntimeApi()
  const address = await api.listen()
  const child = startRuntime(order, address)
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  }
  child.on('exit', (code) => api.fail(`Runtime exited with ${code}: ${log}`))
  t.after(async () => {
    child.removeAllListeners('exit')
    child.kill('SIGKILL')
    await api.close()
  })
  return { invoke: (event) => api.invoke(event), log: () => log }
}

function startRuntime({ bundle, folder, env, runtime }: FunctionOrder, address: string): ChildProcess {
  const task = join(folder, `function-${bundle}`)
  rmSync(task, { recursive: true, force: true })
  mkdirSync(task)
  copyFileSync(join(ROOT, `dist/${bundle}.cjs`), join(task, `${bundle}.cjs`))
  const variables = {
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_FUNCTION_NAME: `ecs-pull-auth-${bundle}`,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/ecs-pull-auth-${bundle}`,
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef',
    AWS_LAMBDA_RUNTIME_API: address,
    LAMBDA_TASK_ROOT: task,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    _HANDLER: `${bundle}.handler`,
  }
  const [program = '', ...rest] = runtime ?? [NODE_24, join(import.meta.dirname, 'runtime-client.mjs')]
  return spawn(program, rest, { cwd: task, env: { ...variables, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

interface Waiting {
  readonly id: string
  readonly event: unknown
  readonly done: (invoked: Invoked) => void
  readonly failed: (error: Error) => void
}

/** One event at a time, as one execution environment gets them. */
class RuntimeApi {
  readonly #queue: Waiting[] = []
  readonly #running = new Map<string, Waiting>()
  #next: ServerResponse | null = null
  /** Why nothing can be invoked any more. */
  #broken: Error | null = null
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  invoke(event: unknown): Promise<Invoked> {
    return new Promise((done, failed) => {
      if (this.#broken !== null) return failed(this.#broken)
      this.#queue.push({ id: randomUUID(), event, done, failed })
      this.#hand()
    })
  }

  /** The runtime said so, or is gone: everything that waits for it fails. */
  fail(message: string): void {
    this.#broken ??= new Error(message)
    for (const waiting of [...this.#running.values(), ...this.#queue]) waiting.failed(this.#broken)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    if (path.endsWith('/invocation/next')) {
      this.#next = response
      response.on('close', () => {
        if (this.#next === response) this.#next = null
      })
      return this.#hand()
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || 'null')
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}')
    if (path.endsWith('/init/error')) return this.fail(`init error: ${JSON.stringify(body)}`)
    const [, id = '', kind] = /\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? []
    const waiting = this.#running.get(id)
    this.#running.delete(id)
    waiting?.done(kind === 'error' ? { result: null, error: body as Invoked['error'] } : { result: body, error: null })
  }

  #hand(): void {
    const response = this.#next
    const waiting = response === null ? undefined : this.#queue.shift()
    if (response === null || waiting === undefined) return
    this.#next = null
    this.#running.set(waiting.id, waiting)
    const headers = {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': waiting.id,
      'lambda-runtime-deadline-ms': String(Date.now() + TIMEOUT),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-central-1:111122223333:function:ecs-pull-auth',
      'lambda-runtime-trace-id': 'Root=1-00000000-000000000000000000000000',
    }
    response.writeHead(200, headers).end(JSON.stringify(waiting.event))
  }
}
