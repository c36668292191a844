/** Microsoft Entra: an access token for an application, by its client secret or by the identity that runs us. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, FieldTable, HttpAnswer, ProviderContext } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { parseObject } from './json.ts'
import { ensurePlace } from './root-login.ts'
import {
  type ApiRequest,
  askApi,
  isSuccess,
  objectOf,
  readRootText,
  refusal,
  said,
  type TokenApi,
  takeToken,
  unusable,
} from './token-api.ts'

export interface EntraApplication {
  readonly authority: string
  readonly tenant: string
  readonly client: string
  /** Secret with the client secret; null = the federated identity that runs us. */
  readonly root: string | null
  readonly audience: string
}

const AUTHORITY = 'https://login.microsoftonline.com'
/** What a federated credential of Entra asks for, unless it was made for another one. */
const AUDIENCE = 'api://AzureADTokenExchange'
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The fields of a plan that name the application. */
export const ENTRA_FIELDS: FieldTable = {
  tenant: {
    kind: 'string',
    required: true,
    description: 'Id or domain of the Entra tenant.',
    example: '11111111-2222-4333-8444-555555555555',
  },
  client: {
    kind: 'string',
    required: true,
    description: 'Application (client) id of the app registration or managed identity.',
    example: '66666666-7777-4888-9999-000000000000',
  },
  root: {
    kind: 'secret',
    description:
      'Secret with a client secret of the application, as bare text or {"clientSecret","url"?}. Without it the workflow or role that runs us is trusted by a federated credential.',
    example: 'prod/azure/root',
  },
  audience: {
    kind: 'string',
    description:
      'Audience of the federated credential. Default api://AzureADTokenExchange; other clouds have their own.',
  },
  authority: {
    kind: 'url',
    description: 'Where Entra gives tokens. Default https://login.microsoftonline.com; other clouds have their own.',
  },
}

/** The application of a plan's fields; what is wrong goes to `problems`. */
export function readApplication(fields: Readonly<Record<string, unknown>>, problems: FieldProblem[]): EntraApplication {
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
  const [tenant, client] = [text('tenant') ?? '', text('client') ?? '']
  const authority = trimEnd(text('authority') ?? AUTHORITY, '/')
  const [root, audience] = [text('root'), text('audience')]
  const check = (field: string, problem: string | null) => {
    if (problem !== null) problems.push({ field, problem })
  }
  check(
    'tenant',
    /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(tenant) ? null : 'must be the id or domain of a tenant',
  )
  check('client', UUID.test(client) ? null : 'must be the application (client) id, a UUID')
  check('audience', root !== null && audience !== null ? 'must not stand beside root: a client secret has none' : null)
  check('authority', httpsProblem(authority))
  return { authority, tenant, client, root, audience: audience ?? AUDIENCE }
}

/**
 * A token for one scope (facts/registries.md section 3.6). Throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, CREDENTIAL_INVALID, IDENTITY_UNAVAILABLE.
 */
export async function entraToken(cx: ProviderContext, application: EntraApplication, scope: string): Promise<Secret> {
  const { authority, tenant, client } = application
  const proof = await proofOf(cx, application)
  const request: ApiRequest = {
    method: 'POST',
    url: `${authority}/${tenant}/oauth2/v2.0/token`,
    form: { client_id: client, grant_type: 'client_credentials', scope, ...proof },
  }
  // Changes nothing at Entra, so it may be asked again.
  const first = await askApi(cx, request)
  const answer = first.kind !== 'answer' || first.status >= 500 ? await askApi(cx, request) : first
  const api = apiOf(application)
  if (!isSuccess(answer)) throw rejection(cx, api, answer) ?? refusal(cx, api, answer)
  const token = takeToken(cx, objectOf(answer)['access_token'])
  if (token === null) throw unusable(api, 'access_token')
  return token
}

async function proofOf(
  cx: ProviderContext,
  application: EntraApplication,
): Promise<Readonly<Record<string, string | Secret>>> {
  const { root, authority, audience } = application
  if (root !== null) {
    await ensurePlace(cx, { url: authority, root })
    return { client_secret: await readRootText(cx, root, 'clientSecret', 'Entra client secret') }
  }
  const identity = await cx.identityToken(audience)
  cx.journal.mask(identity)
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: identity,
  }
}

/** Entra refuses an application with 400 or 401 alike, and tells why by a number: `AADSTS7000222`, say. */
function rejection(cx: ProviderContext, { name, hints }: TokenApi, answer: HttpAnswer): PullAuthError | null {
  if (answer.kind !== 'answer' || (answer.status !== 400 && answer.status !== 401)) return null
  const { error_codes: codes } = parseObject(answer.body.reveal())
  const [code] = Array.isArray(codes) ? codes : []
  const number = Number.isSafeInteger(code) ? ` (AADSTS${code})` : ''
  return new PullAuthError('MINT_REJECTED', `${name}: ${said(cx, answer)}${number}.`, hints.rejected)
}

function apiOf({ authority, tenant, client, root, audience }: EntraApplication): TokenApi {
  const rejected =
    root === null
      ? `Check the tenant, the client, and its federated credential: issuer, subject (letter case counts) and the audience ${audience} must be those of the workflow or AWS role that runs this.`
      : `Check the tenant, the client, and the client secret in secret ${root}: the value, not its id; AADSTS7000222 says that it expired.`
  return {
    name: `Entra ${authority}/${tenant}, application ${client}`,
    hints: {
      rejected,
      notPermitted: rejected,
      unavailable: 'Check the tenant and the authority in the plan, then run again.',
    },
  }
}
