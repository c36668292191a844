/** Both functions over one world in memory, with every line that they write. */

import assert from 'node:assert/strict'
import { createReactHandler } from '../../lambda/react-handler.ts'
import { createRotateHandler, type LambdaContext } from '../../lambda/rotate-handler.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { SECRET, startWorld, type TestWorld } from '../core/rotation-world.ts'
import { holdsMetrics, type Line } from './emf.ts'

const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:ecs-pull-auth-rotate'

export interface Functions {
  readonly world: TestWorld
  readonly lines: string[]
  /** Secrets Manager's four steps, or those before the first that fails; its error then. */
  rotate(version: VersionId, steps?: readonly string[]): Promise<Error | null>
  react(event: unknown): Promise<unknown>
  labelUpdated(): unknown
  parsed(): readonly Line[]
  /** The values of a metric in the order of their lines; of one registry or step, when given. */
  measured(name: string, of?: string): readonly number[]
  arn(): string
}

/** As secret as a credential. */
export const TOKEN = 'rotation-token-of-this-test-0123456789'

/** What Secrets Manager does before it invokes the function for the first time: a placeholder with AWSPENDING. */
function begin(world: TestWorld, version: VersionId): void {
  const stored = world.secrets.secret(SECRET)
  if (stored.run?.version === version) return
  stored.run = { version, token: TOKEN, functionArn: FUNCTION }
  const placeholder = { id: version, createdAt: world.clock.now(), value: null, withRotationToken: false }
  stored.versions.store(placeholder, ['AWSPENDING'])
}

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret']

export function startFunctions(options: Parameters<typeof startWorld>[0] = {}): Functions {
  const world = startWorld(options)
  const lines: string[] = []
  const shared = {
    clock: world.clock,
    plan: async () => world.plan,
    log: (line: string) => lines.push(line),
  }
  const rotateHandler = createRotateHandler({ ...shared, wire: (journal) => ({ ...world.ports, journal }) })
  const reactHandler = createReactHandler({ ...shared, wire: (journal) => ({ ...world.ports, journal }) })
  const context: LambdaContext = { getRemainingTimeInMillis: () => 60_000 }
  world.secrets.configureRotation(SECRET, FUNCTION)
  const arn = () => world.secrets.secret(SECRET).arn
  const parsed = () => lines.map((line) => JSON.parse(line) as Line)
  return {
    world,
    lines,
    arn,
    parsed,
    react: async (event) => await reactHandler(event),
    labelUpdated: () => ({
      'detail-type': 'Secret Label Updated',
      source: 'aws.secretsmanager',
      resources: [arn()],
      detail: { name: SECRET, labelUpdated: 'AWSCURRENT', versionId: world.current().version },
    }),
    rotate: async (version, steps = STEPS) => {
      begin(world, version)
      for (const Step of steps) {
        const event = { Step, SecretId: arn(), ClientRequestToken: version, RotationToken: TOKEN }
        const error = await rotateHandler(event, context).then(
          () => null,
          (thrown: Error) => thrown,
        )
        if (error !== null) return error
      }
      return null
    },
    measured: (name, of) => {
      for (const line of lines) assert.doesNotThrow(() => holdsMetrics(line), line)
      return parsed().flatMap((line) => {
        const found = line._aws?.CloudWatchMetrics.some(({ Metrics }) => Metrics.some((metric) => metric.Name === name))
        const mine = of === undefined || line['Registry'] === of || line['Step'] === of
        return found === true && mine ? [line[name] as number] : []
      })
    },
  }
}
