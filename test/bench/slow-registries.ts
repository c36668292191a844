/** A GitLab and registries that take their time, in a process of their own, so that their memory is not measured. */

import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { listen } from '../doubles/faults.ts'
import { createGitlab } from '../doubles/gitlab.ts'
import { type PlainAnswer, type PlainRequest, plainRequest } from '../doubles/plain-http.ts'
import { createRegistry } from '../doubles/registry.ts'

/** Answers each request after this many milliseconds, however many come at once. */
async function slowServer(delay: number, answer: (request: PlainRequest) => PlainAnswer): Promise<string> {
  const server = createServer(async (incoming, response) => {
    const request = await plainRequest(incoming)
    await setTimeout(delay)
    const { status, headers, body } = answer(request)
    response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body)
  })
  return await listen(server)
}

const [count = 50, delay = 200] = process.argv.slice(2).map(Number)
const access = [{ token: 'root-of-the-bench', scopes: ['api'], sees: ['acme'], manages: ['acme'] }] as const
const gitlab = createGitlab({ access })
const hosts = await Promise.all(
  Array.from({ length: count }, () => slowServer(delay, createRegistry({ tokens: gitlab.tokens }).answer)),
)
process.send?.({ gitlab: `http://${await slowServer(delay, gitlab.answer)}`, hosts })
