/** What only `doctor` asks of AWS: who calls, what he may do, what a document says, which agents there are. Reads only. */

import type { Caller, Inspector, ManagedInstance, Simulation } from '../core/doctor-ports.ts'
import { PullAuthError } from '../core/errors.ts'
import type { AwsHeaders, AwsRequest, Http, HttpAnswer } from '../core/ports.ts'
import { type Clients, callerRegion } from './clients.ts'
import { ask } from './failure.ts'
import { pages } from './fleet.ts'
import { partitionOf } from './partitions.ts'
import { DescribeInstanceInformationCommand, GetDocumentCommand } from './ssm-api.ts'

interface Wire {
  readonly clients: Clients
  readonly http: Http
  signAws(request: AwsRequest): Promise<AwsHeaders>
}

export function createInspector(wire: Wire): Inspector {
  return {
    caller: () => caller(wire),
    documentText: (name) => documentText(wire, name),
    managed: (targets) => managed(wire, targets),
    simulate: (simulation) => simulate(wire, simulation),
  }
}

/** Answered to everybody who signs; no policy can deny it (STS API reference, GetCallerIdentity). */
async function caller(wire: Wire): Promise<Caller> {
  const region = await callerRegion(wire.clients)
  const text = await query(wire, 'sts', null, { Action: 'GetCallerIdentity', Version: '2011-06-15' })
  const arn = /<Arn>([^<]{1,2048})<\/Arn>/.exec(text)?.[1]
  const account = /<Account>([0-9]{12})<\/Account>/.exec(text)?.[1]
  if (arn === undefined || account === undefined) throw unusable('sts:GetCallerIdentity')
  const { name: partition, domain } = partitionOf(region)
  return { arn, account, region, partition, domain }
}

async function simulate(wire: Wire, { principal, action, resource, context }: Simulation): Promise<boolean> {
  const region = await callerRegion(wire.clients)
  const entries = Object.entries(context).flatMap(([key, values], index) => {
    const at = `ContextEntries.member.${index + 1}`
    return [
      [`${at}.ContextKeyName`, key],
      [`${at}.ContextKeyType`, values.length === 1 ? 'string' : 'stringList'],
      ...values.map((value, number) => [`${at}.ContextKeyValues.member.${number + 1}`, value]),
    ]
  })
  const text = await query(wire, 'iam', partitionOf(region).iamRegion, {
    Action: 'SimulatePrincipalPolicy',
    Version: '2010-05-08',
    PolicySourceArn: principal,
    'ActionNames.member.1': action,
    'ResourceArns.member.1': resource,
    ...Object.fromEntries(entries),
  })
  const decision = /<EvalDecision>([A-Za-z]+)<\/EvalDecision>/.exec(text)?.[1]
  if (decision === undefined) throw unusable('iam:SimulatePrincipalPolicy')
  return decision === 'allowed'
}

/** One call of a service that takes forms and answers in XML. All of them read, so one without an answer is asked once more. */
async function query(
  { http, signAws }: Wire,
  service: 'sts' | 'iam',
  region: string | null,
  form: Readonly<Record<string, string>>,
): Promise<string> {
  const action = `${service}:${form['Action']}`
  const body = new URLSearchParams(form).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const send = async () => {
    const signed = await signAws({ service, region, method: 'POST', url: null, headers, body })
    return await http.send({ method: 'POST', url: signed.url, headers: signed.headers, body })
  }
  const first = await send()
  const answer = first.kind !== 'answer' || first.status >= 500 ? await send() : first
  if (answer.kind !== 'answer') throw noAnswer(action, answer.reason)
  const text = answer.body.reveal()
  if (answer.status === 200) return text
  const code = /<Code>([A-Za-z.]{1,80})<\/Code>/.exec(text)?.[1]
  return await ask({ action, subject: 'the caller' }, () => Promise.reject(refusal(answer, code)))
}

/** As `ask` reads what a client throws. */
function refusal(answer: HttpAnswer & { readonly kind: 'answer' }, code = 'UnknownError'): Error {
  const error = Object.assign(new Error(code), { $metadata: { httpStatusCode: answer.status } })
  error.name = code
  return error
}

function noAnswer(action: string, reason: string): PullAuthError {
  return new PullAuthError(
    'AWS_UNAVAILABLE',
    `${action} had no answer (${reason}).`,
    'Check Region, endpoint and proxy.',
  )
}

function unusable(action: string): PullAuthError {
  return new PullAuthError('AWS_UNAVAILABLE', `The answer of ${action} cannot be read.`, 'Check endpoint and proxy.')
}

async function documentText({ clients }: Wire, name: string): Promise<string | null> {
  const answer = await ask({ action: 'ssm:GetDocument', subject: name }, async () => {
    try {
      return await clients.ssm.send(new GetDocumentCommand({ Name: name, DocumentFormat: 'JSON' }))
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'InvalidDocument') return null
      throw thrown
    }
  })
  return answer === null ? null : (answer.Content ?? '')
}

async function managed(
  { clients }: Wire,
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<readonly ManagedInstance[]> {
  const asked = { action: 'ssm:DescribeInstanceInformation', subject: 'the instances of fleet.targets' }
  const input = {
    Filters: Object.entries(targets).map(([Key, values]) => ({ Key, Values: [...values] })),
    MaxResults: 50,
  }
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => clients.ssm.send(new DescribeInstanceInformationCommand({ ...input, ...token })))
  const found: ManagedInstance[] = []
  const size = (page: { InstanceInformationList?: readonly unknown[] | undefined }) =>
    page.InstanceInformationList?.length ?? 0
  for await (const { InstanceInformationList = [] } of pages(next, size)) {
    for (const { InstanceId = '', PingStatus, AgentVersion = '', PlatformType = '' } of InstanceInformationList)
      found.push({ id: InstanceId, online: PingStatus === 'Online', agent: AgentVersion, platform: PlatformType })
  }
  return found
}
