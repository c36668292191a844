/** One Run Command under way: rate control, errors, expiry, cancelling, and what its status is (facts, SSM sections 5 and 6). */

import { platformsOf } from './document-content.ts'
import type { Instance, InstanceRunner } from './instances.ts'
import { documentStatus, runDocument, type StepResult, stepTimeout } from './ssm-agent.ts'
import type { DocumentVersion } from './ssm-documents.ts'
import type { World } from './world.ts'

export type InvocationState =
  | 'Pending'
  | 'InProgress'
  | 'Cancelling'
  | 'Success'
  | 'Failed'
  | 'Cancelled'
  | 'DeliveryTimedOut'
  | 'ExecutionTimedOut'
  | 'Undeliverable'
  | 'Terminated'
  | 'InvalidPlatform'
  | 'AccessDenied'

export type CommandState =
  | 'Pending'
  | 'InProgress'
  | 'Cancelling'
  | 'Success'
  | 'Failed'
  | 'Cancelled'
  | 'DeliveryTimedOut'
  | 'ExecutionTimedOut'
  | 'Incomplete'
  | 'RateExceeded'
  | 'AccessDenied'
  | 'NoInstancesInTag'

export interface CommandInvocation {
  readonly instance: Instance
  state: InvocationState
  steps: readonly StepResult[]
  readonly abort: AbortController
}

export interface RolloutOrder {
  readonly id: string
  readonly document: DocumentVersion
  readonly parameters: Readonly<Record<string, readonly string[]>>
  readonly instances: readonly Instance[]
  readonly maxConcurrency: string
  readonly maxErrors: string
  readonly timeoutSeconds: number
  readonly comment: string
  readonly rateExceeded: boolean
}

export interface RolloutWatcher {
  commandChanged(state: CommandState): void
  invocationChanged(invocation: CommandInvocation): void
}

export class Rollout {
  readonly order: RolloutOrder
  readonly requestedAt: number
  /** Delivery and execution time together; what has not ended by then is DeliveryTimedOut, also if it runs (section 5). */
  readonly expiresAt: number
  readonly invocations: readonly CommandInvocation[]
  readonly #world: World
  readonly #runner: InstanceRunner
  readonly #watcher: RolloutWatcher
  readonly #concurrency: number
  readonly #tolerated: number
  readonly #counts = new Map<InvocationState, number>()
  #completed = 0
  #told: CommandState = 'Pending'

  constructor(world: World, runner: InstanceRunner, order: RolloutOrder, watcher: RolloutWatcher) {
    this.#world = world
    this.#runner = runner
    this.#watcher = watcher
    this.order = order
    this.requestedAt = world.clock.now()
    const execution = Math.max(...order.document.document.mainSteps.map((step) => stepTimeout(step, order.parameters)))
    this.expiresAt = this.requestedAt + (order.timeoutSeconds + execution) * 1000
    const targets = order.rateExceeded ? [] : order.instances
    this.invocations = targets.map((instance) => ({
      instance,
      state: 'Pending',
      steps: [],
      abort: new AbortController(),
    }))
    this.#counts.set('Pending', targets.length)
    // A percentage rounds down, at least to one instance; of errors down to none (test-stack.md section 6).
    this.#concurrency = Math.max(1, portion(order.maxConcurrency, targets.length))
    this.#tolerated = portion(order.maxErrors, targets.length)
  }

  /** Delivers to everyone who is connected, so many at a time; the rest wait until they connect or it expires. */
  async start(): Promise<void> {
    this.#changed()
    const reached = this.invocations.filter(({ instance }) => instance.online || instance.delivery !== 'ok')
    // One queue for all lanes; an array of 50,000 that gives up its first element is copied each time.
    const queue = reached.values()
    const lanes = Array.from({ length: Math.min(this.#concurrency, reached.length) }, async () => {
      for (const next of queue) await this.#deliver(next)
    })
    await Promise.all(lanes)
  }

  /** An instance connects: what waits for it runs, unless its delivery time is over. */
  async connected(instanceId: string): Promise<void> {
    const waiting = this.invocations.filter(({ instance, state }) => instance.id === instanceId && state === 'Pending')
    if (this.#world.clock.now() > this.requestedAt + this.order.timeoutSeconds * 1000) return
    for (const invocation of waiting) await this.#deliver(invocation)
  }

  cancel(instanceIds: readonly string[]): void {
    for (const invocation of this.invocations) {
      if (instanceIds.length > 0 && !instanceIds.includes(invocation.instance.id)) continue
      if (invocation.state === 'Pending') this.#set(invocation, 'Cancelled')
      if (invocation.state !== 'InProgress') continue
      this.#set(invocation, 'Cancelling')
      invocation.abort.abort(new Error('The command was cancelled.'))
    }
  }

  /** Lets time have its effect. There is no timer behind it: with a virtual clock nothing else would notice. */
  settle(): void {
    if (this.#world.clock.now() < this.expiresAt) return
    for (const invocation of this.invocations) if (!isEnd(invocation.state)) this.#set(invocation, 'DeliveryTimedOut')
  }

  count(...states: readonly InvocationState[]): number {
    return states.reduce((sum, state) => sum + (this.#counts.get(state) ?? 0), 0)
  }

  get completed(): number {
    return this.#completed
  }

  /** What counts against MaxErrors (section 6). */
  get errors(): number {
    return this.count('Failed', 'ExecutionTimedOut')
  }

  state(): CommandState {
    const total = this.invocations.length
    if (this.order.rateExceeded) return 'RateExceeded'
    if (total === 0) return 'NoInstancesInTag'
    if (this.completed < total) {
      if (this.count('Cancelling') > 0) return 'Cancelling'
      return this.count('Pending') === total ? 'Pending' : 'InProgress'
    }
    if (this.errors > this.#tolerated) return 'Failed'
    if (this.count('Cancelled') > 0) return 'Cancelled'
    if (this.count('DeliveryTimedOut') === total) return 'DeliveryTimedOut'
    if (this.count('ExecutionTimedOut') === total) return 'ExecutionTimedOut'
    if (this.count('AccessDenied') === total) return 'AccessDenied'
    // Seen: 4 Undeliverable and 1 Success make Success (section 6).
    return this.count('Success', 'Undeliverable') === total && this.count('Success') > 0 ? 'Success' : 'Incomplete'
  }

  async #deliver(invocation: CommandInvocation): Promise<void> {
    if (invocation.state !== 'Pending' || this.#world.closing.aborted) return
    const { instance } = invocation
    if (instance.delivery !== 'ok')
      return this.#set(invocation, instance.delivery === 'denied' ? 'AccessDenied' : 'Undeliverable')
    if (!platformsOf(this.order.document.document).includes(instance.platform))
      return this.#set(invocation, 'InvalidPlatform')
    this.#set(invocation, 'InProgress')
    const steps = await runDocument({
      commandId: this.order.id,
      region: this.#world.region,
      instance,
      document: this.order.document.document,
      parameters: this.order.parameters,
      runner: this.#runner,
      signal: AbortSignal.any([invocation.abort.signal, this.#world.closing]),
      now: () => this.#world.clock.now(),
    })
    this.settle()
    // Expired meanwhile: the instance may well have applied it, but nobody asks any more (section 13).
    if (isEnd(invocation.state)) return
    invocation.steps = steps
    this.#set(invocation, documentStatus(steps))
    if (this.errors > this.#tolerated) this.#stopSending()
  }

  /** The error after the last tolerated one: what runs goes on, the rest is Terminated, connected or not (section 5). */
  #stopSending(): void {
    for (const invocation of this.invocations) if (invocation.state === 'Pending') this.#set(invocation, 'Terminated')
  }

  #set(invocation: CommandInvocation, state: InvocationState): void {
    if (invocation.state === state) return
    this.#counts.set(invocation.state, this.count(invocation.state) - 1)
    this.#counts.set(state, this.count(state) + 1)
    // What has ended does not change any more.
    if (isEnd(state)) this.#completed += 1
    invocation.state = state
    this.#watcher.invocationChanged(invocation)
    this.#changed()
  }

  #changed(): void {
    const state = this.state()
    if (state === this.#told) return
    this.#told = state
    this.#watcher.commandChanged(state)
  }
}

export function isEnd(state: InvocationState): boolean {
  return state !== 'Pending' && state !== 'InProgress' && state !== 'Cancelling'
}

function portion(text: string, of: number): number {
  return text.endsWith('%') ? Math.floor((Number.parseInt(text, 10) * of) / 100) : Number.parseInt(text, 10)
}
