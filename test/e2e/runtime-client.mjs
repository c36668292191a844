/** What a Lambda runtime does, in short: loads the handler that _HANDLER names and serves it through the Runtime API. */

import { createRequire } from 'node:module'
import { join } from 'node:path'

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, _HANDLER } = process.env
const [file, name] = _HANDLER.split('.')
const invocations = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`
const handler = createRequire(import.meta.url)(join(LAMBDA_TASK_ROOT, `${file}.cjs`))[name]

for (;;) {
  const next = await fetch(`${invocations}/next`)
  const event = await next.json()
  const id = next.headers.get('lambda-runtime-aws-request-id')
  const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'))
  const context = { awsRequestId: id, getRemainingTimeInMillis: () => deadline - Date.now() }
  let path = 'response'
  let answer
  try {
    answer = (await handler(event, context)) ?? null
  } catch (error) {
    path = 'error'
    answer = { errorType: error.name, errorMessage: error.message, trace: error.stack.split('\n') }
    // The real runtime logs what was thrown, with all its own fields.
    console.error(JSON.stringify({ ...answer, ...error }))
  }
  await fetch(`${invocations}/${id}/${path}`, { method: 'POST', body: JSON.stringify(answer) })
}
