/** Provider `digitalocean`: read-only registry credentials with an end; DigitalOcean makes a new one at every call. */

import type { FieldProblem, Provider, ProviderContext } from '../core/ports.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { ensurePlace } from './root-login.ts'
import { exchange, readRootText, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface DigitaloceanConfig {
  readonly api: string
  readonly name: string
  readonly root: string
}

const API = 'https://api.digitalocean.com'
/** Long enough for Secrets Manager's own schedule, short enough that nobody minds that it cannot be revoked. */
const DEFAULT_LIFE = 86_400
/** The largest number that the API is known to take. */
const LONGEST_LIFE = 2_147_483_647

/**
 * One request (facts/registries.md section 3.10). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, CREDENTIAL_INVALID.
 */
export const digitalocean: Provider<DigitaloceanConfig> = {
  kind: 'digitalocean',
  summary: 'Read-only credentials with an end for a registry of DigitalOcean.',
  traits: {
    rotation: 'exchange',
    ttl: { min: null, max: LONGEST_LIFE, default: DEFAULT_LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented API whose tokens a real docker-registry checks; never DigitalOcean',
  },
  options: {
    name: { kind: 'string', required: true, description: 'Name of the registry.', example: 'acme' },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with an API token of scope registry:read, as bare text or {"token","url"}.',
      example: 'prod/digitalocean/root',
    },
    url: { kind: 'url', description: 'The API. Default https://api.digitalocean.com.', example: API },
  },

  parse(fields) {
    const text = (name: string, fallback = '') => (typeof fields[name] === 'string' ? fields[name] : fallback)
    const [name, root, api] = [text('name'), text('root'), trimEnd(text('url', API), '/')]
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('name', /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? null : 'must be the name of a registry: a-z, 0-9 and -')
    check('root', root === '' ? 'is missing' : null)
    check('url', httpsProblem(api))
    return problems.length > 0 ? problems : { api, name, root }
  },

  async mint(cx, config, { ttl }) {
    const api = apiOf(config)
    const authorization = bearerHeader(await readRoot(cx, config))
    const life = ttl ?? DEFAULT_LIFE
    const issuedAt = cx.clock.now()
    // Without expiry_seconds, or with 0, it would live for ever, and nothing could revoke it.
    const answer = await exchange(cx, api, {
      method: 'GET',
      url: `${config.api}/v2/registries/${config.name}/docker-credentials?expiry_seconds=${life}&read_write=false`,
      headers: { authorization },
    })
    const { username, password } = readDockerConfig(cx, api, answer)
    return { username, password, issuedAt, expiresAt: issuedAt + life * 1000, handle: null }
  },
}

async function readRoot(cx: ProviderContext, { root, api }: DigitaloceanConfig): Promise<Secret> {
  await ensurePlace(cx, { url: api, root })
  return await readRootText(cx, root, 'token', 'DigitalOcean API token')
}

/** The one entry of the answer. Its user name is the token too, so that both are masked by the same word. */
function readDockerConfig(
  cx: ProviderContext,
  api: TokenApi,
  answer: Readonly<Record<string, unknown>>,
): { username: string; password: Secret } {
  const entries = Object.values(asObject(answer['auths']))
  const auth = entries.length === 1 ? asObject(entries[0])['auth'] : undefined
  const text = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString('utf8') : ''
  const colon = text.indexOf(':')
  const username = text.slice(0, Math.max(colon, 0))
  const password = takeToken(cx, text.slice(colon + 1), username)
  if (username === '' || password === null) throw unusable(api, 'one registry with a credential')
  return { username, password }
}

function apiOf({ api, name, root }: DigitaloceanConfig): TokenApi {
  return {
    name: `DigitalOcean ${api}/v2/registries/${name}/docker-credentials`,
    hints: {
      rejected: `Put a living API token into secret ${root}.`,
      notPermitted: `Check that there is a registry ${name}, and that the token in secret ${root} has the scope registry:read in its team.`,
    },
  }
}
