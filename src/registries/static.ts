/** Provider `static`: a credential that a person keeps in a secret, for registries that cannot mint one. */

import type { FieldProblem, Provider } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { parseObject } from './json.ts'
import { asMinted, readKept } from './kept.ts'

export interface StaticConfig {
  /** The secret with the credential. */
  readonly credential: string
}

/** Reads and checks, mints nothing. Throws CREDENTIAL_INVALID, CREDENTIAL_EXPIRING, and what `readSecret` throws. */
export const fixed: Provider<StaticConfig> = {
  kind: 'static',
  summary: 'A credential that a person keeps in a secret, for registries that cannot mint one.',
  traits: {
    rotation: 'static',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'none',
    identity: ['none'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a real docker-registry',
  },
  options: {
    credential: {
      kind: 'secret',
      required: true,
      description: 'Secret with {"username", "password"} and optionally "expires", an ISO date.',
      example: 'prod/nexus/pull',
    },
  },

  parse({ credential }, registry) {
    const problems: FieldProblem[] = []
    if (registryHost(registry) === 'ghcr.io') {
      problems.push({
        field: 'provider',
        problem: 'is ghcr for ghcr.io: it reads the same secret, and watches the token',
      })
    }
    if (typeof credential !== 'string') problems.push({ field: 'credential', problem: 'is missing' })
    return typeof credential !== 'string' || problems.length > 0 ? problems : { credential }
  },

  async mint(cx, { credential }) {
    const { username, password, expires } = parseObject((await cx.readSecret(credential)).reveal())
    return asMinted(cx, credential, readKept(cx, credential, { username, password, expires }), null)
  },
}
