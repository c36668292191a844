import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { PullAuthError } from '../src/core/errors.ts'
import { Secret } from '../src/core/secret.ts'
import { createHttp } from '../src/http.ts'
import { selfSigned } from './doubles/certificate.ts'
import { type Fault, listen, misbehave, shut } from './doubles/faults.ts'

const http = createHttp({ userAgent: 'ecs-pull-auth/test' })

/** A plain server for the time of one test. */
async function serve(handler: RequestListener, run: (host: string, server: Server) => Promise<void>): Promise<void> {
  const server = createServer(handler)
  const host = await listen(server)
  try {
    await run(host, server)
  } finally {
    await shut(server)
  }
}

/** A TLS server whose certificate is for `registry.test` and 127.0.0.1. */
async function serveTls(run: (host: string, cert: string, requests: string[]) => Promise<void>): Promise<void> {
  const { key, cert } = selfSigned(['registry.test', '127.0.0.1'])
  const requests: string[] = []
  const server = createTlsServer({ key, cert }, (request, response) => {
    requests.push(`${request.method} ${request.headers.host}`)
    response.end('over tls')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await run(`127.0.0.1:${(server.address() as AddressInfo).port}`, cert, requests)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('an answer has its status, lower-case headers with repeated names joined, and a hidden body', () =>
  serve(
    (_, response) => {
      response.setHeader('WWW-Authenticate', ['Basic realm="a"', 'Bearer realm="b"'])
      response.writeHead(401).end('why')
    },
    async (host) => {
      const answer = await http.send({ method: 'GET', url: `http://${host}/` })
      assert.equal(answer.kind, 'answer')
      assert.ok(answer.kind === 'answer')
      assert.equal(answer.status, 401)
      assert.equal(answer.headers['www-authenticate'], 'Basic realm="a", Bearer realm="b"')
      assert.equal(answer.body.reveal(), 'why')
      assert.equal(`${answer.body}`, '[secret]')
    },
  ))

test('secret headers and bodies arrive in clear, with the user agent', () =>
  serve(
    async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { authorization, 'user-agent': agent, 'content-length': length } = request.headers
      response.end(JSON.stringify([request.method, authorization, agent, length, Buffer.concat(chunks).toString()]))
    },
    async (host) => {
      const headers = { authorization: new Secret('Bearer x') }
      const answer = await http.send({ method: 'POST', url: `http://${host}/`, headers, body: new Secret('é') })
      assert.ok(answer.kind === 'answer')
      assert.deepEqual(JSON.parse(answer.body.reveal()), ['POST', 'Bearer x', 'ecs-pull-auth/test', '2', 'é'])
    },
  ))

test('a redirect is an answer and is not followed', () => {
  const paths: (string | undefined)[] = []
  return serve(
    (request, response) => {
      paths.push(request.url)
      response.writeHead(302, { location: '/elsewhere' }).end()
    },
    async (host) => {
      const answer = await http.send({ method: 'GET', url: `http://${host}/start` })
      assert.ok(answer.kind === 'answer')
      assert.equal(answer.status, 302)
      assert.deepEqual(paths, ['/start'])
    },
  )
})

const LOST: readonly (readonly [string, Fault, RegExp])[] = [
  ['a connection closed without an answer', { kind: 'hang-up' }, /ECONNRESET/],
  ['no answer in time', { kind: 'silence' }, /no whole answer within 60 ms/],
  ['a body that never ends', { kind: 'slow-body' }, /no whole answer within 60 ms/],
  ['a body of 10 MB', { kind: 'huge-body' }, /larger than 1 MiB/],
]
for (const [what, fault, reason] of LOST) {
  test(`${what} is lost: it may have taken effect`, () =>
    serve(
      (_, response) => misbehave(response, fault),
      async (host) => {
        const patience = fault.kind === 'huge-body' ? {} : { timeoutMs: 60 }
        const answer = await http.send({ method: 'POST', url: `http://${host}/`, body: '{}', ...patience })
        assert.equal(answer.kind, 'lost')
        assert.ok(answer.kind === 'lost')
        assert.match(answer.reason, reason)
        assert.ok(answer.reason.startsWith(host))
      },
    ))
}

test('a body of exactly 1 MiB is an answer', () =>
  serve(
    (_, response) => response.end('x'.repeat(1024 * 1024)),
    async (host) => {
      const answer = await http.send({ method: 'GET', url: `http://${host}/` })
      assert.ok(answer.kind === 'answer')
      assert.equal(answer.body.length, 1024 * 1024)
    },
  ))

test('an answer that ends before its declared length is lost', () =>
  serve(
    (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.socket?.destroy())
    },
    async (host) => {
      const answer = await http.send({ method: 'GET', url: `http://${host}/` })
      assert.equal(answer.kind, 'lost')
    },
  ))

test('a port where nobody listens is unreachable', async () => {
  let closed = ''
  await serve(
    () => {},
    async (host) => {
      closed = host
    },
  )
  const answer = await http.send({ method: 'POST', url: `http://${closed}/`, body: '{}' })
  assert.deepEqual(answer, { kind: 'unreachable', reason: `${closed}: ECONNREFUSED` })
})

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['plain http beyond this machine', 'http://registry.test/', /registry\.test: only https/],
  ['plain http to an address that only looks like loopback', 'http://127.0.0.1.registry.test/', /only https/],
  ['another protocol', 'ftp://registry.test/', /only https/],
  ['a URL with a password', 'https://user:hidden@registry.test/', /must not hold a user or password/],
  ['no URL', 'registry.test', /cannot be read/],
]
for (const [what, url, reason] of REFUSED) {
  test(`${what} is unreachable by rule`, async () => {
    const answer = await http.send({ method: 'GET', url, timeoutMs: 60 })
    assert.ok(answer.kind === 'unreachable')
    assert.match(answer.reason, reason)
    assert.doesNotMatch(answer.reason, /hidden/)
  })
}

test('a header that cannot be written is unreachable, and the reason does not show it', () =>
  serve(
    (_, response) => response.end(),
    async (host) => {
      const headers = { authorization: new Secret('hidden\r\nvalue') }
      const answer = await http.send({ method: 'GET', url: `http://${host}/`, headers })
      assert.deepEqual(answer, { kind: 'unreachable', reason: `${host}: ERR_INVALID_CHAR` })
    },
  ))

test('a read on a kept connection that the server just closed is asked again on a new one', () => {
  const ports: (number | undefined)[] = []
  return serve(
    (request, response) => {
      const port = request.socket.remotePort
      if (ports.includes(port)) request.socket.destroy()
      else response.end('fine')
      ports.push(port)
    },
    async (host) => {
      for (const expected of [1, 3]) {
        const answer = await http.send({ method: 'GET', url: `http://${host}/` })
        assert.equal(answer.kind, 'answer')
        assert.equal(ports.length, expected)
      }
    },
  )
})

test('a write never goes out on a kept connection', () => {
  const ports = new Set<number | undefined>()
  return serve(
    (request, response) => {
      ports.add(request.socket.remotePort)
      response.end()
    },
    async (host) => {
      await http.send({ method: 'GET', url: `http://${host}/` })
      await http.send({ method: 'POST', url: `http://${host}/` })
      await http.send({ method: 'DELETE', url: `http://${host}/` })
      assert.equal(ports.size, 3)
    },
  )
})

test('a certificate that nobody vouches for is unreachable: nothing was sent', () =>
  serveTls(async (host, _, requests) => {
    const answer = await http.send({ method: 'POST', url: `https://${host}/`, body: '{}' })
    assert.deepEqual(answer, { kind: 'unreachable', reason: `${host}: DEPTH_ZERO_SELF_SIGNED_CERT` })
    assert.deepEqual(requests, [])
  }))

test('a certificate authority of one’s own is trusted besides the usual ones', () =>
  serveTls(async (host, cert) => {
    const answer = await createHttp({ ca: [cert] }).send({ method: 'GET', url: `https://${host}/` })
    assert.ok(answer.kind === 'answer')
    assert.equal(answer.body.reveal(), 'over tls')
  }))

test('a connection cut during the TLS handshake is unreachable', async () => {
  const server = createTcpServer((socket) => {
    socket.once('data', () => socket.destroy())
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const answer = await http.send({ method: 'POST', url: `https://${host}/`, body: '{}' })
  assert.equal(answer.kind, 'unreachable')
  await new Promise((resolve) => server.close(resolve))
})

/** A proxy that sends every CONNECT to one place, or refuses it. */
async function serveProxy(target: string | null, run: (host: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = []
  const tunnels: Duplex[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(500).end()
  })
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    tunnels.push(socket)
    socket.on('error', () => {})
    if (target === null) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const upstream = connect(Number(target.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    return undefined
  })
  const host = await listen(server)
  try {
    await run(host, asked)
  } finally {
    for (const tunnel of tunnels) tunnel.destroy()
    await shut(server)
  }
}

test('https goes through the proxy that the environment names', () =>
  serveTls((origin, cert) =>
    serveProxy(origin, async (proxy, asked) => {
      const proxied = createHttp({ ca: [cert], proxyEnv: { HTTPS_PROXY: `http://me:hidden@${proxy}` } })
      for (const method of ['GET', 'POST'] as const) {
        const answer = await proxied.send({ method, url: 'https://registry.test/', timeoutMs: 5_000 })
        assert.ok(answer.kind === 'answer', JSON.stringify(answer))
        assert.equal(answer.body.reveal(), 'over tls')
      }
      const login = `Basic ${Buffer.from('me:hidden').toString('base64')}`
      assert.deepEqual(asked, Array(2).fill(`CONNECT registry.test:443 ${login}`))
    }),
  ))

test('NO_PROXY bypasses the proxy', () =>
  serveTls((origin, cert) =>
    serveProxy(null, async (proxy, asked) => {
      const proxyEnv = { HTTPS_PROXY: `http://${proxy}`, NO_PROXY: '127.0.0.1' }
      const answer = await createHttp({ ca: [cert], proxyEnv }).send({ method: 'GET', url: `https://${origin}/` })
      assert.equal(answer.kind, 'answer')
      assert.deepEqual(asked, [])
    }),
  ))

test('plain http, which is loopback, never goes to a proxy', () =>
  serveProxy(null, (proxy, asked) =>
    serve(
      (_, response) => response.end('direct'),
      async (host) => {
        const proxied = createHttp({ proxyEnv: { HTTP_PROXY: `http://${proxy}`, HTTPS_PROXY: `http://${proxy}` } })
        for (const method of ['GET', 'POST'] as const) {
          const answer = await proxied.send({ method, url: `http://${host}/` })
          assert.ok(answer.kind === 'answer')
          assert.equal(answer.body.reveal(), 'direct')
        }
        assert.deepEqual(asked, [])
      },
    ),
  ))

test('a proxy that refuses is unreachable, and its password stays hidden', () =>
  serveProxy(null, async (proxy) => {
    const proxied = createHttp({ proxyEnv: { HTTPS_PROXY: `http://me:hidden@${proxy}` } })
    const answer = await proxied.send({ method: 'POST', url: 'https://registry.test/', body: '{}' })
    assert.deepEqual(answer, { kind: 'unreachable', reason: 'registry.test: ERR_PROXY_TUNNEL' })
  }))

test('a proxy variable that is no URL is a usage error that does not repeat it', () => {
  const create = () => createHttp({ proxyEnv: { HTTPS_PROXY: 'http://me:hidden@:not a proxy' } })
  assert.throws(create, (error) => {
    assert.ok(error instanceof PullAuthError)
    assert.equal(error.code, 'USAGE')
    assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.cause ?? null]), /hidden/)
    return true
  })
})
