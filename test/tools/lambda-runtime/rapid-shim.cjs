/** Stands in for the native Runtime API client of aws-lambda-ric, whose build takes minutes; the rest is the published code. */

const http = require('node:http')
const Module = require('node:module')

const load = Module._load
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const DEADLINE = 'lambda-runtime-deadline-ms'

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const order = { host, port, method, headers, agent: false, path: `/2018-06-01/runtime/invocation/${path}` }
    const request = http.request(order, async (response) => {
      const chunks = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ bodyJson: Buffer.concat(chunks).toString('utf8'), headers: response.headers })
    })
    request.on('error', reject).end(body)
  })
}

// An answer goes out before the next event is asked for.
let sent = Promise.resolve()
function post(...order) {
  sent = sent.then(() => call('POST', ...order))
}

const client = {
  next: async () => {
    await sent
    const { bodyJson, headers } = await call('GET', 'next')
    return { bodyJson, headers: { ...headers, [DEADLINE]: Number(headers[DEADLINE]) } }
  },
  done: (id, body) => post(`${id}/response`, body),
  error: (id, body, cause) => post(`${id}/error`, body, { 'lambda-runtime-function-xray-error-cause': cause }),
}

Module._load = function (name, ...rest) {
  return name.endsWith('rapid-client.node') ? client : load.call(this, name, ...rest)
}
