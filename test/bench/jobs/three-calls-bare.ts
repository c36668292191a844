/** The three calls by Node's HTTP and a signature, without anything that a caller of AWS must also do: what no client is below. */

import { Agent, request } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { signedHeaders } from '../../../src/aws/sigv4.ts'
import { PUT, SECRET, SEND } from './order.ts'

const agent = new Agent({ keepAlive: true })
// A run that talks to AWS itself loads it.
new TlsAgent().destroy()
const url = new URL(process.env['AWS_ENDPOINT_URL'] ?? '')
const identity = {
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
}

function call(service: string, operation: string, input: object): Promise<void> {
  const scope = { service, region: process.env['AWS_REGION'] ?? '', date: new Date() }
  const body = JSON.stringify(input)
  const about = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': operation }
  const headers = signedHeaders({ method: 'POST', url, headers: about, body }, identity, scope)
  return new Promise((done, failed) => {
    const sent = request(url, { method: 'POST', headers, agent }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part) => {
        text += part
      })
      answer.on('end', () => (answer.statusCode === 200 ? done(JSON.parse(text)) : failed(new Error(text))))
    })
    sent.on('error', failed)
    sent.end(body)
  })
}

async function main(): Promise<void> {
  await call('secretsmanager', 'secretsmanager.GetSecretValue', { SecretId: SECRET })
  await call('secretsmanager', 'secretsmanager.PutSecretValue', PUT)
  await call('ssm', 'AmazonSSM.SendCommand', SEND)
  process.stdout.write('done\n')
  agent.destroy()
}

void main()
