/** STS and IAM, as far as `doctor` asks them: who calls, and what a role's policies allow. Signed forms in, XML out. */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authenticate, authorize, type Identity } from '../aws/signature.ts'
import { AwsRefusal } from '../aws/wire.ts'

export interface IamOptions {
  readonly region: string
  readonly account: string
  readonly identities: readonly Identity[]
  /** Which roles and users there are, by ARN, with what their policies allow. */
  readonly principals: Readonly<Record<string, (action: string, resource: string) => boolean>>
}

export interface IamDouble {
  readonly url: string
  /** Forms as they came, without a signature. */
  readonly requests: readonly Readonly<Record<string, string>>[]
  close(): Promise<void>
}

export async function startIam(options: IamOptions): Promise<IamDouble> {
  const requests: Record<string, string>[] = []
  const server = createServer(async (request, response) => {
    try {
      const body = await bodyOf(request)
      const form = Object.fromEntries(new URLSearchParams(body.toString('utf8')))
      requests.push(form)
      const text = answer(options, request, body, form)
      response.writeHead(200, { 'content-type': 'text/xml' }).end(text)
    } catch (thrown) {
      const { type, status, message } =
        thrown instanceof AwsRefusal ? thrown : new AwsRefusal('InternalFailure', '', 500)
      response
        .writeHead(type.startsWith('AccessDenied') ? 403 : status, { 'content-type': 'text/xml' })
        .end(
          `<ErrorResponse><Error><Type>Sender</Type><Code>${type}</Code><Message>${message}</Message></Error></ErrorResponse>`,
        )
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

type Form = Readonly<Record<string, string>>

function answer(options: IamOptions, request: IncomingMessage, body: Buffer, form: Form): string {
  const { method = '', url = '', headers } = request
  if (method !== 'POST' || !headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
    throw new AwsRefusal('MalformedInput', '')
  const isSts = form['Action'] === 'GetCallerIdentity'
  // IAM's only endpoint is in us-east-1, whatever Region somebody works in.
  const scope = isSts ? { service: 'sts', region: options.region } : { service: 'iam', region: 'us-east-1' }
  const identity = authenticate({ method, url, headers, body }, { ...scope, identities: options.identities })
  if (isSts && form['Version'] === '2011-06-15') return callerXml(identity.name, options.account)
  if (form['Action'] !== 'SimulatePrincipalPolicy' || form['Version'] !== '2010-05-08')
    throw new AwsRefusal('InvalidAction', '')
  authorize(identity, 'iam:SimulatePrincipalPolicy', form['PolicySourceArn'] ?? '')
  return simulationXml(options, form)
}

function callerXml(arn: string, account: string): string {
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>AROA:session</UserId><Account>${account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
}

function simulationXml({ principals }: IamOptions, form: Form): string {
  const allows = principals[form['PolicySourceArn'] ?? '']
  if (allows === undefined) throw new AwsRefusal('NoSuchEntity', 'The principal cannot be found.', 404)
  const [action = '', resource = ''] = [form['ActionNames.member.1'], form['ResourceArns.member.1']]
  if (!/^[a-z0-9-]+:[A-Za-z]+$/.test(action) || !/^(?:\*|arn:[^\s*?]+)$/.test(resource))
    throw new AwsRefusal('InvalidInput', `Invalid input: ${action} ${resource}`)
  for (const [name, value] of Object.entries(form))
    if (name.endsWith('.ContextKeyType') && !['string', 'stringList'].includes(value))
      throw new AwsRefusal('InvalidInput', 'Invalid context key type')
  const decision = allows(action, resource) ? 'allowed' : 'implicitDeny'
  return `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>${action}</EvalActionName><EvalDecision>${decision}</EvalDecision><EvalResourceName>${resource}</EvalResourceName><MatchedStatements/><MissingContextValues/></member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`
}
