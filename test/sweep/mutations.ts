/** Defects that we could have written: each must break a promise in the sweep, or the sweep is too weak. */

import type { PromiseName } from './watch.ts'

export interface Mutation {
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The promise that catches it; where several do, one of them. */
  readonly caughtBy: readonly PromiseName[]
}

const ROTATION = 'src/core/rotation.ts'
const RETIRE = 'src/core/retire.ts'
const ROLLOUT = 'src/core/rollout.ts'
const STORE = 'src/aws/secret-store.ts'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'move AWSCURRENT from whatever version has it',
    file: ROTATION,
    find: '...(current === null ? {} : { from: current }),',
    replace: 'from: currentOf(await cx.store.describe(secret.arn)) ?? attempt.version,',
    caughtBy: ['I3'],
  },
  {
    name: 'promote without comparing the unmanaged lines',
    file: ROTATION,
    find: 'if (unmanagedDigest(now, managed) === unmanagedDigest(next, managed)) return',
    replace: 'if (managed.length > 0) return',
    caughtBy: ['I3'],
  },
  {
    name: 'revoke the old credential when the new one is promoted',
    file: ROTATION,
    find: `      })
      return
    } catch (error) {
      if (!isCode(error, 'LABEL_MOVED', 'AWS_UNAVAILABLE')) throw error`,
    replace: `      })
      const { text } = await cx.store.read(secret.arn, { version: attempt.version })
      for (const { provider, handle } of stateOf(readStoredConfig(text, secret.name))?.superseded ?? [])
        await cx.providers.get(provider)?.revoke?.(providerContext(cx), handle, attempt.plan.registries.map(({ config }) => config))
      return
    } catch (error) {
      if (!isCode(error, 'LABEL_MOVED', 'AWS_UNAVAILABLE')) throw error`,
    caughtBy: ['I2'],
  },
  {
    name: 'read the current config by its label',
    file: ROTATION,
    find: 'return await readWhenVisible(cx, secret.arn, version)\n}\n\nasync function readOrNull',
    replace: 'return await cx.store.read(secret.arn, { label: CURRENT })\n}\n\nasync function readOrNull',
    caughtBy: ['I3'],
  },
  {
    name: 'promote a pending version however old it is',
    file: ROTATION,
    find: 'if (!hasLife(entry.expiresAt, plan, now)) return',
    replace: 'if (now < 0) return',
    caughtBy: ['I1'],
  },
  {
    name: 'send the command again when its answer is lost',
    file: ROLLOUT,
    find: 'const found = await searchCommand(cx, order.document, version, since)\n      if (found !== null) return found.id',
    replace: 'if (cx.clock.now() < since) return String(searchCommand)',
    caughtBy: ['I6'],
  },
  {
    name: 'promote without a pull',
    file: ROTATION,
    find: 'return await proveAll(cx, attempt.plan, config, timeLeft)',
    replace: 'return timeLeft === -1 ? await proveAll(cx, attempt.plan, config, timeLeft) : []',
    caughtBy: ['I1'],
  },
  {
    name: 'take an unclear answer of the registry for a pull',
    file: 'src/core/proof.ts',
    find: "if (proof.verdict === 'pull-ok') return null",
    replace: "if (proof.verdict === 'pull-ok' || proof.verdict === 'unknown') return null",
    caughtBy: ['I1'],
  },
  {
    name: 'revoke what was minted after a put that stayed unanswered',
    file: ROTATION,
    find: "if (isCode(error, 'VERSION_EXISTS', 'CONFIG_TOO_LARGE', 'CONFIG_UNWRITABLE')) await discard(cx, minted)",
    replace: 'await discard(cx, minted)',
    caughtBy: ['I2'],
  },
  {
    name: 'put the new version as AWSCURRENT',
    file: STORE,
    find: 'VersionStages: [value.label],',
    replace: "VersionStages: ['AWSCURRENT'],",
    caughtBy: ['I1'],
  },
  {
    name: 'forget the RotationToken',
    file: ROTATION,
    find: '...(attempt.rotationToken === undefined ? {} : { rotationToken: attempt.rotationToken }),\n    })\n    return',
    replace: '})\n    return',
    caughtBy: ['I4'],
  },
  {
    name: 'keep the label on a pending version that cannot be promoted',
    file: ROTATION,
    find: "await release(cx, attempt, arn)\n  throw new PullAuthError(\n    'PENDING_STALE'",
    replace: "throw new PullAuthError(\n    'PENDING_STALE'",
    caughtBy: ['I4'],
  },
  {
    name: 'forget when a credential expires',
    file: ROTATION,
    find: 'expiresAt: credential.expiresAt,\n      handle: credential.handle,',
    replace: 'expiresAt: null,\n      handle: credential.handle,',
    caughtBy: ['I1'],
  },
  {
    name: 'call a rollout complete with stragglers',
    file: ROLLOUT,
    find: "if (onVersion === targets && (status === 'Success' || left.length > 0)) return null",
    replace: 'if (targets > 0) return null',
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'believe a node that tells another version',
    file: ROLLOUT,
    find: "return status === 'Success' && good && node.version === version",
    replace: "return status === 'Success' && good && version !== ''",
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'take every straggler for gone',
    file: ROLLOUT,
    find: 'left: behind.filter(({ instanceId }) => !known.has(instanceId))',
    replace: 'left: behind.filter(({ instanceId }) => known.has(instanceId))',
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'revoke without waiting for the drain',
    file: RETIRE,
    find: 'if (found.credentials.length === 0 || left <= 0)',
    replace: 'if (found.credentials.length >= 0 || left <= 0)',
    caughtBy: ['I2'],
  },
  {
    name: 'overlook a later command for an older version',
    file: RETIRE,
    find: 'await refuseOvertaken(cx, plan.fleet, rollout)',
    replace: 'if (plan.fleet === null) await refuseOvertaken(cx, plan.fleet, rollout)',
    caughtBy: ['I2'],
  },
  {
    name: 'revoke by labels that were read long ago',
    file: RETIRE,
    find: '(labelsOf(await cx.store.describe(plan.secret)) !== found.labels)',
    replace: "(labelsOf(await cx.store.describe(plan.secret)) === '')",
    caughtBy: ['I2'],
  },
  {
    name: 'keep what a version with our private label names',
    file: RETIRE,
    find: '.filter((version) => !previous.includes(version) && !isStaged(version.labels))',
    replace: '.filter((version) => !previous.includes(version))',
    caughtBy: ['leak'],
  },
  {
    name: 'find no orphans',
    file: RETIRE,
    find: 'credentials: [...unnecessary(versions), ...orphans],',
    replace: 'credentials: [...unnecessary(versions), ...orphans.slice(0, 0)],',
    caughtBy: ['leak'],
  },
  {
    name: 'print a credential',
    file: ROTATION,
    find: "const life = expiresAt === null ? 'without an expiry that is known' :",
    replace: 'const life = expiresAt === null ? credential.password.reveal() :',
    caughtBy: ['I5'],
  },
]
