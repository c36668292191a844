/** An OCI registry, on loopback or without a socket, that serves one real image to those who may pull it, and refuses what a real one refuses. */

import { createServer, type ServerResponse } from 'node:http'
import { type Fault, listen, misbehave, shut } from './faults.ts'
import { type PlainAnswer as Answer, type PlainRequest, plainRequest } from './plain-http.ts'
import { type Blob, type TinyImage, tinyImage } from './tiny-image.ts'
import { allows, createTokenService, readBasic, SERVICE, type TokenServiceOptions } from './token-service.ts'
import { createTokenStore, type TokenStore } from './tokens.ts'

export interface RegistryOptions extends Partial<TokenServiceOptions> {
  /** How to log in: by bearer token (default), by Basic, or not at all. */
  readonly mode?: 'token' | 'basic' | 'open'
  /** `repository:tag` of every image that exists. Default `acme/app:stable`. */
  readonly images?: readonly string[]
  /** Replaces the `WWW-Authenticate` header. `realm` is the registry's own. */
  readonly challenge?: (realm: string) => string
  /** Told whenever somebody who logged in gets a manifest. */
  readonly onPull?: (username: string) => void
}

export interface RegistryRequest {
  /** `base` = /v2/, `login` = a token without scope, `token` = one with a scope. */
  readonly step: 'base' | 'login' | 'token' | 'manifest' | 'blob' | 'other'
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly authorization: 'none' | 'basic' | 'bearer'
}

export interface RegistryDouble {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly tokens: TokenStore
  readonly requests: readonly RegistryRequest[]
  /** Asked before every request; what it returns happens instead of an answer. */
  fault: ((request: RegistryRequest) => Fault | null) | null
  close(): Promise<void>
}

export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryDouble> {
  const registry = createRegistry(options)
  const requests: RegistryRequest[] = []
  const server = createServer(async (incoming, response) => {
    const request = await plainRequest(incoming)
    const asked = classify(request)
    requests.push(asked)
    const fault = double.fault?.(asked) ?? null
    if (fault !== null) misbehave(response, fault)
    else send(request, response, registry.answer(request))
  })
  const double: RegistryDouble = {
    host: await listen(server),
    tokens: registry.tokens,
    requests,
    fault: null,
    close: () => shut(server),
  }
  return double
}

/** The registry without a socket. */
export interface Registry {
  readonly tokens: TokenStore
  answer(request: PlainRequest): Answer
}

export function createRegistry(options: RegistryOptions = {}): Registry {
  const now = options.now ?? Date.now
  const tokens = options.tokens ?? createTokenStore(now)
  const answer = answerer({ ...options, now, tokens })
  return { tokens, answer: (request) => answer(classify(request), request) }
}

function classify({ method, path, headers }: PlainRequest): RegistryRequest {
  const url = new URL(path, 'http://registry')
  const scheme = (headers['authorization'] ?? 'none').split(' ')[0]?.toLowerCase()
  return {
    step: stepOf(url),
    method,
    path,
    authorization: scheme === 'basic' || scheme === 'bearer' ? scheme : 'none',
  }
}

function stepOf({ pathname, searchParams }: URL): RegistryRequest['step'] {
  if (pathname === '/v2/') return 'base'
  if (pathname === '/token') return searchParams.has('scope') ? 'token' : 'login'
  if (/^\/v2\/.+\/manifests\/[^/]+$/.test(pathname)) return 'manifest'
  return /^\/v2\/.+\/blobs\/[^/]+$/.test(pathname) ? 'blob' : 'other'
}

function send(request: PlainRequest, response: ServerResponse, { status, headers, body = '' }: Answer): void {
  const content = Buffer.from(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': content.length })
  response.end(request.method === 'HEAD' ? undefined : content)
}

function answerer(options: RegistryOptions & { readonly now: () => number; readonly tokens: TokenStore }) {
  const { mode = 'token', images = ['acme/app:stable'], publicRepositories = [] } = options
  const shelf = createShelf(images)
  const service = createTokenService({
    tokens: options.tokens,
    publicRepositories,
    wrongPassword: options.wrongPassword ?? 'refuse',
    refusal: options.refusal ?? 401,
    tokenName: options.tokenName ?? 'token',
    opaque: options.opaque ?? false,
    now: options.now,
  })

  /** null = may pull; else the refusal. `repository` null: only the login counts. */
  const refuse = (request: PlainRequest, repository: string | null): Answer | null => {
    const { authorization, host } = request.headers
    const realm = `http://${host}/token`
    if (mode === 'open') return null
    if (mode === 'basic') {
      const login = readBasic(authorization)
      const account = login === null ? null : options.tokens.login(login.username, login.password)
      const open = login === null && repository !== null && allows({ publicRepositories }, null, repository)
      if (account === null && !open) return unauthorized(options.challenge?.(realm) ?? 'Basic realm="test, basic"')
      return repository === null || allows({ publicRepositories }, account, repository) ? null : denied
    }
    const scope = repository === null ? '' : `,scope="repository:${repository}:pull"`
    const challenge = options.challenge?.(realm) ?? `Bearer realm="${realm}",service="${SERVICE}"${scope}`
    const token = bearerOf(authorization)
    if (token === undefined) return unauthorized(challenge)
    const bearer = service.read(token)
    if (bearer === null) return unauthorized(`${challenge},error="invalid_token"`)
    if (repository === null || (bearer.repository === repository && bearer.pulls)) return null
    return unauthorized(`${challenge},error="insufficient_scope"`)
  }

  return (asked: RegistryRequest, request: PlainRequest): Answer => {
    const url = new URL(asked.path, 'http://registry')
    const { authorization } = request.headers
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return { status: 405 }
    if (mode === 'token' && (asked.step === 'login' || asked.step === 'token')) {
      return service.answer(url.searchParams, authorization)
    }
    if (asked.step === 'base') return refuse(request, null) ?? { status: 200, body: '{}' }
    const listed = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname)?.[1]
    if (listed !== undefined)
      return refuse(request, listed) ?? { status: 200, body: JSON.stringify(shelf.tags(listed)) }
    const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? []
    if (repository === undefined || reference === undefined) return { status: 404 }
    const found =
      kind === 'blobs'
        ? shelf.blob(repository, reference)
        : shelf.manifest(repository, reference, request.headers['accept'] ?? '')
    const refusal = refuse(request, repository)
    if (refusal !== null) return refusal
    if (found === null) return notFound
    const login = readBasic(authorization)?.username ?? service.read(bearerOf(authorization) ?? '')?.subject
    if (kind === 'manifests' && login !== undefined && login !== '') options.onPull?.(login)
    return served(found)
  }
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
}

const denied: Answer = { status: 403, body: '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}' }
const notFound: Answer = { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}' }

function unauthorized(challenge: string): Answer {
  const body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
  return { status: 401, headers: { 'www-authenticate': challenge }, body }
}

function served({ type, digest, content }: Blob): Answer {
  return { status: 200, headers: { 'content-type': type, 'docker-content-digest': digest }, body: content }
}

/** The same bytes for every registry; made once, since many worlds are built one after the other. */
let image: TinyImage | undefined

function createShelf(images: readonly string[]) {
  image ??= tinyImage()
  const { index, manifest, config, layer } = image
  const tags = new Set(images)
  const holds = (repository: string) => images.some((image) => image.startsWith(`${repository}:`))
  return {
    tags(repository: string): { name: string; tags: readonly string[] } {
      const own = images.filter((image) => image.startsWith(`${repository}:`))
      return { name: repository, tags: own.map((image) => image.slice(repository.length + 1)) }
    },
    /** A manifest of a type that the client does not accept is unknown to it, as at GHCR. */
    manifest(repository: string, reference: string, accept: string): Blob | null {
      const byDigest = [index, manifest].find(({ digest }) => digest === reference && holds(repository))
      const found = tags.has(`${repository}:${reference}`) ? index : byDigest
      return found !== undefined && accept.split(/\s*,\s*/).includes(found.type) ? found : null
    },
    blob(repository: string, digest: string): Blob | null {
      return [config, layer].find((blob) => blob.digest === digest && holds(repository)) ?? null
    },
  }
}
