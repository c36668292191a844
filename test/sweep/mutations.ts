/** Defects that we could have written: each must break a promise in the sweep, or the sweep is too weak. */

import type { PromiseName } from './watch.ts'

export interface Mutation {
  readonly name: string
  /** Occurs exactly once in all sources, wherever that is. */
  readonly find: string
  readonly replace: string
  /** The promise that catches it; where several do, one of them. */
  readonly caughtBy: readonly PromiseName[]
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'move AWSCURRENT from whatever version has it',
    find: '...(current === null ? {} : { from: current }),',
    replace: 'from: currentOf(await cx.store.describe(secret.arn)) ?? attempt.version,',
    caughtBy: ['I3'],
  },
  {
    name: 'promote without comparing the unmanaged lines',
    find: 'if (unmanagedDigest(now, managed) === unmanagedDigest(next, managed)) return',
    replace: 'if (managed.length > 0) return',
    caughtBy: ['I3'],
  },
  {
    name: 'revoke the old credential when the new one is promoted',
    find: `      })
      return measurePromotion(cx, entries)
    } catch (error) {`,
    replace: `      })
      const { text } = await cx.store.read(secret.arn, { version: attempt.version })
      for (const { provider, handle } of stateOf(readStoredConfig(text, secret.name))?.superseded ?? [])
        await cx.providers.get(provider)?.revoke?.(providerContext(cx), handle, attempt.plan.registries.map(({ config }) => config))
      return measurePromotion(cx, entries)
    } catch (error) {`,
    caughtBy: ['I2'],
  },
  {
    name: 'read the current config by its label',
    find: 'return await readWhenVisible(cx, secret.arn, version)\n}\n\nasync function readOrNull',
    replace: 'return await cx.store.read(secret.arn, { label: CURRENT })\n}\n\nasync function readOrNull',
    caughtBy: ['I3'],
  },
  {
    name: 'promote a pending version however old it is',
    find: 'if (!hasLife(entry.expiresAt, plan, now)) return',
    replace: 'if (now < 0) return',
    caughtBy: ['I1'],
  },
  {
    name: 'send the command again when its answer is lost',
    find: 'const found = await searchCommand(cx, order, since)\n      if (found !== null) return found.id',
    replace: 'if (cx.clock.now() < since) return String(searchCommand)',
    caughtBy: ['I6'],
  },
  {
    name: 'promote without a pull',
    find: 'return await proveAll(cx, attempt.plan, config, timeLeft)',
    replace: 'return timeLeft === -1 ? await proveAll(cx, attempt.plan, config, timeLeft) : []',
    caughtBy: ['I1'],
  },
  {
    name: 'take an unclear answer of the registry for a pull',
    find: "return verdict === 'pull-ok' || (verdict",
    replace: "return verdict === 'pull-ok' || verdict === ('unknown' as Verdict) || (verdict",
    caughtBy: ['I1'],
  },
  {
    name: 'revoke what was minted after a put that stayed unanswered',
    find: "if (isCode(error, 'VERSION_EXISTS', 'CONFIG_TOO_LARGE', 'CONFIG_UNWRITABLE')) await discard(cx, minted)",
    replace: 'await discard(cx, minted)',
    caughtBy: ['I2'],
  },
  {
    name: 'put the new version as AWSCURRENT',
    find: 'VersionStages: [value.label],',
    replace: "VersionStages: ['AWSCURRENT'],",
    caughtBy: ['I1'],
  },
  {
    name: 'forget the RotationToken',
    find: '...(attempt.rotationToken === undefined ? {} : { rotationToken: attempt.rotationToken }),\n    })\n    return',
    replace: '})\n    return',
    caughtBy: ['I4'],
  },
  {
    name: 'keep the label on a pending version that cannot be promoted',
    find: "await release(cx, attempt, arn)\n  throw new PullAuthError(\n    'PENDING_STALE'",
    replace: "throw new PullAuthError(\n    'PENDING_STALE'",
    caughtBy: ['I4'],
  },
  {
    name: 'forget when a credential expires',
    find: 'expiresAt: credential.expiresAt,\n      handle: credential.handle,',
    replace: 'expiresAt: null,\n      handle: credential.handle,',
    caughtBy: ['I1'],
  },
  {
    name: 'call a rollout complete with stragglers',
    find: "onVersion === targets && (status === 'Success' || left.length > 0)",
    replace: 'onVersion <= targets',
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'believe a node that tells another version',
    find: "if (node?.version !== version) return 'other-version'",
    replace: "if (node?.version === '') return 'other-version'",
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'take every straggler for gone',
    find: 'ids.filter((id) => !known.has(id))',
    replace: 'ids.filter((id) => known.has(id))',
    caughtBy: ['I2', 'I6'],
  },
  {
    name: 'revoke without waiting for the drain',
    find: 'if (found.credentials.length === 0 || left <= 0)',
    replace: 'if (found.credentials.length >= 0 || left <= 0)',
    caughtBy: ['I2'],
  },
  {
    name: 'overlook a later command for an older version',
    find: 'await refuseOvertaken(cx, plan.fleet, rollout)',
    replace: 'if (plan.fleet === null) await refuseOvertaken(cx, plan.fleet, rollout)',
    caughtBy: ['I2'],
  },
  {
    name: 'revoke by labels that were read long ago',
    find: '(labelsOf(await cx.store.describe(plan.secret)) !== found.labels)',
    replace: "(labelsOf(await cx.store.describe(plan.secret)) === '')",
    caughtBy: ['I2'],
  },
  {
    name: 'keep what a version with our private label names',
    find: '.filter((version) => !previous.includes(version) && !isStaged(version.labels))',
    replace: '.filter((version) => !previous.includes(version))',
    caughtBy: ['leak'],
  },
  {
    name: 'find no orphans',
    find: 'credentials: [...unnecessary(versions), ...orphans],',
    replace: 'credentials: [...unnecessary(versions), ...orphans.slice(0, 0)],',
    caughtBy: ['leak'],
  },
  {
    name: 'reload the rest whatever became of the canary',
    find: 'if (!first.canary || usesRunbook(plan) || !hasPassed(first, plan)) return first',
    replace: 'if (!first.canary || usesRunbook(plan) || plan.canary === null) return first',
    caughtBy: ['canary'],
  },
  {
    name: 'start another run of the runbook at each event',
    find: 'const token = earlier === null ? versionIdFrom(secret, version) : versionIdFrom(secret, version, earlier.id)',
    replace: 'const token = versionIdFrom(secret, version, String(cx.clock.now()))',
    caughtBy: ['I6'],
  },
  {
    name: 'print a credential',
    find: "const life = expiresAt === null ? 'without an expiry that is known' :",
    replace: 'const life = expiresAt === null ? credential.password.reveal() :',
    caughtBy: ['I5'],
  },
]
