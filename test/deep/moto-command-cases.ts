/** Parameters, documents and Run Command: what is asked of moto and of the double, and where moto is known to lie. */

import { createHash } from 'node:crypto'
import type { InstanceSeed } from '../aws/instances.ts'
import { DOCUMENT, fleetOf, id } from '../aws/ssm-fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Case, happens, LAST_COMMAND, lie, type Step, type View } from './moto-contract.ts'

/** What the double has; moto does not look whether an instance is there. */
export const INSTANCES: readonly InstanceSeed[] = fleetOf(2)

const OTHER = DOCUMENT.replace('echo', 'printf')
const hash = (content: string) => createHash('sha256').update(content).digest('hex')

function publish(content = DOCUMENT, more: Json = {}): Step {
  return ask('CreateDocument', { Name: 'Doc', Content: content, DocumentType: 'Command', ...more }, { of: described })
}

function change(content = OTHER): Step {
  return ask(
    'UpdateDocument',
    { Name: 'Doc', Content: content, DocumentVersion: '$LATEST', DocumentFormat: 'JSON' },
    { of: described },
  )
}

function describe(version?: string): Step {
  const at = version === undefined ? {} : { DocumentVersion: version }
  return ask('DescribeDocument', { Name: 'Doc', ...at }, { of: described })
}

/** A document's description without status and platforms, which are a case of their own. */
function described(answer: Json): Json {
  const { PlatformTypes: _, Status: __, ...rest } = (answer['DocumentDescription'] ?? answer['Document']) as Json
  return rest
}

function statusOf(answer: Json): Json {
  const { PlatformTypes, Status } = (answer['DocumentDescription'] ?? answer['Document']) as Json
  return { PlatformTypes, Status }
}

function send(more: Json = {}, view: View = { of: started }): Step {
  return ask('SendCommand', { DocumentName: 'Doc', InstanceIds: [id(1)], ...more }, view)
}

/** What of a command says whom it reaches, and how it went. */
function started(answer: Json): Json {
  return summary(answer['Command'] as Json)
}

function listed(answer: Json): Json {
  return { commands: (answer['Commands'] as Json[]).map(summary) }
}

function comments(answer: Json): Json {
  return { comments: (answer['Commands'] as Json[]).map(({ Comment }) => Comment) }
}

function outcome({ Status, StatusDetails, ResponseCode, PluginName }: Json): Json {
  return { Status, StatusDetails, ResponseCode, PluginName }
}

function summary({
  DocumentName,
  Comment,
  Parameters,
  MaxConcurrency,
  MaxErrors,
  Targets,
  TimeoutSeconds,
}: Json): Json {
  return { DocumentName, Comment, Parameters, MaxConcurrency, MaxErrors, Targets, TimeoutSeconds }
}

function fate(answer: Json): Json {
  const [command] = answer['Commands'] as Json[]
  const names = ['Status', 'StatusDetails', 'TargetCount', 'CompletedCount', 'ErrorCount', 'DeliveryTimedOutCount']
  return Object.fromEntries(names.map((name) => [name, command?.[name]]))
}

const commandEnds: Step = happens('the command ends', (system) => system.settle())
const ended: Step = ask('ListCommands', { CommandId: LAST_COMMAND }, { of: fate })

const parameter = happens('somebody keeps a parameter', (system) => system.keepParameter('/acme/plan', '{}'))

export const COMMAND_CASES: readonly Case[] = [
  {
    name: 'a parameter',
    steps: [
      parameter,
      ask('GetParameter', { Name: '/acme/plan' }),
      ask('GetParameter', { Name: '/acme/plan', WithDecryption: true }),
      ask('GetParameter', { Name: 'arn:aws:ssm:us-east-1:123456789012:parameter/acme/plan' }),
      ask('GetParameter', { Name: '/acme/other' }),
    ],
  },
  {
    name: 'a document and its description',
    steps: [
      publish(),
      describe(),
      describe('1'),
      describe('$LATEST'),
      lie(describe('$DEFAULT'), {
        moto: 'InvalidDocument',
        service: 'ok',
        source: '[M] ssm DocumentVersion',
        why: 'of the words it knows $LATEST only',
      }),
      publish(),
    ],
  },
  {
    name: 'the status and the platforms of a document',
    steps: [
      lie(ask('CreateDocument', { Name: 'Doc', Content: DOCUMENT, DocumentType: 'Command' }, { of: statusOf }), {
        moto: { Status: 'Active', PlatformTypes: ['Not Implemented (moto)'] },
        service: { Status: 'Creating', PlatformTypes: ['Linux', 'MacOS'] },
        source: '[M] ssm DocumentStatus, PlatformType',
        why: 'documents are there at once, and for no platform',
      }),
      lie(ask('DescribeDocument', { Name: 'Doc' }, { of: statusOf }), {
        moto: { PlatformTypes: ['Not Implemented (moto)'] },
        service: { PlatformTypes: ['Linux', 'MacOS'] },
        source: '[M] ssm PlatformType',
        why: 'it has no list of what runs where',
      }),
    ],
  },
  {
    name: 'the content of a document',
    steps: [
      publish(),
      lie(ask('GetDocument', { Name: 'Doc' }), {
        moto: {},
        service: { CreatedDate: '(time)' },
        source: '[M] ssm GetDocumentResult',
        why: 'it leaves the time out',
      }),
      lie(ask('GetDocument', { Name: 'Doc', DocumentVersion: '1' }), {
        moto: {},
        service: { CreatedDate: '(time)' },
        source: '[M] ssm GetDocumentResult',
        why: 'it leaves the time out',
      }),
    ],
  },
  {
    name: 'a new version of a document, that becomes the default',
    steps: [
      publish(),
      change(),
      describe(),
      describe('$LATEST'),
      describe('2'),
      ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '2' }),
      describe(),
      ask('GetDocument', { Name: 'Doc' }, { of: ({ Content }) => ({ Content }) }),
    ],
  },
  { name: 'a version of a document with the content of another one', steps: [publish(), change(DOCUMENT)] },
  {
    name: 'versions of a document that are not there',
    steps: [
      publish(),
      lie(describe('2'), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
      lie(ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '2' }), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
      lie(ask('GetDocument', { Name: 'Doc', DocumentVersion: '2' }), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
    ],
  },
  {
    name: 'a document that is not there',
    steps: [
      describe(),
      change(),
      ask('GetDocument', { Name: 'Doc' }),
      ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '1' }),
      ask('DeleteDocument', { Name: 'Doc' }),
    ],
  },
  {
    name: 'a document that is deleted',
    steps: [publish(), ask('DeleteDocument', { Name: 'Doc' }), describe(), publish(OTHER)],
  },
  { name: 'a document that is no JSON', steps: [publish('{')] },
  {
    name: 'a document without a schema version',
    steps: [
      lie(publish('{}'), {
        moto: 'InvalidDocumentContent',
        service: 'InvalidDocumentSchemaVersion',
        source: '[M] ssm CreateDocument; its class [?]',
        why: 'it has one class for both',
      }),
    ],
  },
  {
    name: 'a document without steps',
    steps: [
      lie(publish('{"schemaVersion":"2.2","mainSteps":[]}'), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: 'SSM 14',
        why: 'it does not look into steps',
      }),
    ],
  },
  {
    name: 'a document with a parameter of an unknown type',
    steps: [
      lie(publish(DOCUMENT.replace('"String"', '"Text"')), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: 'SSM 2.1',
        why: 'it does not look into parameters',
      }),
    ],
  },
  {
    name: 'a document of more than 64 KB',
    steps: [
      lie(publish(DOCUMENT.replace('echo', `echo ${'x'.repeat(65_536)}`)), {
        moto: 'ok',
        service: 'MaxDocumentSizeExceeded',
        source: 'SSM 2.1',
        why: 'it has no limit',
      }),
    ],
  },
  { name: 'the name of a document', steps: [publish(DOCUMENT, { Name: 'a b' })] },
  {
    name: 'a document that looks like one of AWS',
    steps: [
      lie(publish(DOCUMENT, { Name: 'AWS-Doc' }), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: '[M] ssm CreateDocument Name; its class [?]',
        why: 'it compares with small letters',
      }),
    ],
  },
  {
    name: 'a command to instances',
    steps: [
      publish(),
      send({ Comment: 'hello', MaxConcurrency: '10%', MaxErrors: '5%', TimeoutSeconds: 600 }),
      commandEnds,
      ask('ListCommands', { CommandId: LAST_COMMAND }, { of: listed }),
    ],
  },
  {
    name: 'the defaults of a command',
    steps: [publish(), send({ Parameters: { word: ['hello'] } })],
  },
  {
    name: 'the end of a command',
    steps: [
      publish(),
      send(),
      commandEnds,
      lie(ended, {
        moto: { StatusDetails: 'Details placeholder' },
        service: { StatusDetails: 'Success' },
        source: 'SSM 6 and 14',
        why: 'it has no details',
      }),
    ],
  },
  {
    name: 'the counters of a new command',
    steps: [
      publish(),
      lie(send({}, { of: (answer) => fate({ Commands: [answer['Command']] }) }), {
        moto: { Status: 'Success', StatusDetails: 'Details placeholder', TargetCount: 1, CompletedCount: 1 },
        service: { Status: 'Pending', StatusDetails: 'Pending', TargetCount: 0, CompletedCount: 0 },
        source: 'SSM 5 and 14',
        why: 'a command has ended when it begins',
      }),
    ],
  },
  {
    name: 'a command that no instance gets',
    steps: [
      publish(),
      send({ InstanceIds: [], Targets: [{ Key: 'tag:role', Values: ['nobody'] }] }),
      commandEnds,
      lie(ended, {
        moto: { StatusDetails: 'Details placeholder' },
        service: { StatusDetails: 'NoInstancesInTag' },
        source: 'SSM 6',
        why: 'it has no details; without them both look like a success',
      }),
    ],
  },
  {
    name: 'a command with an unknown document',
    steps: [lie(send(), { moto: 'ok', service: 'InvalidDocument', source: '12.3; SSM 5', why: 'it does not look' })],
  },
  {
    name: 'a command with an unknown version of a document',
    steps: [
      publish(),
      lie(send({ DocumentVersion: '2' }), {
        moto: 'ok',
        service: 'InvalidDocumentVersion',
        source: 'SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command with the hash of a document',
    steps: [
      publish(),
      send({ DocumentHash: hash(DOCUMENT), DocumentHashType: 'Sha256' }),
      lie(send({ DocumentHash: hash(OTHER), DocumentHashType: 'Sha256' }), {
        moto: 'ok',
        service: 'InvalidDocument',
        source: 'SSM 5; text in aws-samples/aws-security-reference-architecture-examples issue 301',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command to an unknown instance',
    steps: [
      publish(),
      lie(send({ InstanceIds: [id(9)] }), {
        moto: 'ok',
        service: 'InvalidInstanceId',
        source: '12.3; SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command to the same instance twice',
    steps: [
      publish(),
      lie(send({ InstanceIds: [id(1), id(1)] }), {
        moto: 'ok',
        service: 'DuplicateInstanceId',
        source: 'SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command to nobody',
    steps: [
      publish(),
      lie(send({ InstanceIds: [] }), {
        moto: 'ok',
        service: 'ValidationException',
        source: 'SSM 5; its class [?]',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command with a parameter that the document does not have',
    steps: [
      publish(),
      lie(send({ Parameters: { other: ['x'] } }), {
        moto: 'ok',
        service: 'InvalidParameters',
        source: 'SSM 5 and 14',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command with a value that its pattern forbids',
    steps: [
      publish(),
      lie(send({ Parameters: { word: ['UPPER'] } }), {
        moto: 'ok',
        service: 'InvalidParameters',
        source: 'SSM 2.1 and 14',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a command with a value that is not allowed',
    steps: [
      publish(),
      lie(send({ Parameters: { mode: ['three'] } }), {
        moto: 'ok',
        service: 'InvalidParameters',
        source: 'SSM 2.1 and 14',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a comment of 101 characters',
    steps: [
      publish(),
      lie(send({ Comment: 'x'.repeat(101) }), {
        moto: 'ok',
        service: 'ValidationException',
        source: 'SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a delivery time of 29 seconds',
    steps: [
      publish(),
      lie(send({ TimeoutSeconds: 29 }), {
        moto: 'ok',
        service: 'ValidationException',
        source: 'SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'a concurrency of none',
    steps: [
      publish(),
      lie(send({ MaxConcurrency: '0' }), {
        moto: 'ok',
        service: 'ValidationException',
        source: 'SSM 5',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'commands that are not there',
    steps: [
      ask('ListCommands', {}),
      lie(ask('ListCommands', { CommandId: '00000009-0000-4000-8000-000000000000' }), {
        moto: 'InvalidCommandId',
        service: 'ok',
        source: 'SSM 7.2',
        why: 'it cannot be that a command is not seen yet',
      }),
      lie(ask('GetCommandInvocation', { CommandId: '00000009-0000-4000-8000-000000000000', InstanceId: id(1) }), {
        moto: 'InvalidCommandId',
        service: 'InvocationDoesNotExist',
        source: 'SSM 7.2',
        why: 'it cannot be that a command is not seen yet',
      }),
    ],
  },
  {
    name: 'commands by instance',
    steps: [
      publish(),
      send({ Comment: 'to both', InstanceIds: [id(1), id(2)] }),
      send({ Comment: 'to the second', InstanceIds: [id(2)] }),
      commandEnds,
      ask('ListCommands', { InstanceId: id(1) }, { of: listed }),
    ],
  },
  {
    name: 'the order of commands',
    steps: [
      publish(),
      send({ Comment: 'first' }),
      send({ Comment: 'second' }),
      commandEnds,
      lie(ask('ListCommands', {}, { of: comments }), {
        moto: { comments: ['first', 'second'] },
        service: { comments: ['second', 'first'] },
        source: '[?] no page tells an order',
        why: 'our code must not count on the one that it has',
      }),
    ],
  },
  {
    name: 'commands by document',
    steps: [
      publish(),
      send(),
      commandEnds,
      lie(ask('ListCommands', { Filters: [{ key: 'DocumentName', value: 'Other' }] }, { of: comments }), {
        moto: { comments: [''] },
        service: { comments: [] },
        source: 'SSM 6',
        why: 'it ignores filters',
      }),
    ],
  },
  {
    name: 'how a command went on one instance',
    steps: [
      publish(),
      send(),
      commandEnds,
      lie(ask('GetCommandInvocation', { CommandId: LAST_COMMAND, InstanceId: id(1) }, { of: outcome }), {
        moto: { PluginName: 'aws:runShellScript' },
        service: { PluginName: 'say' },
        source: 'SSM 2.3',
        why: 'it does not look into steps',
      }),
      ask('GetCommandInvocation', { CommandId: LAST_COMMAND, InstanceId: id(2) }),
    ],
  },
  {
    name: 'how a command went on all instances',
    steps: [
      publish(),
      send(),
      commandEnds,
      lie(ask('ListCommandInvocations', { CommandId: LAST_COMMAND }), {
        moto: 'no answer that the SDK can read, status 500',
        service: 'ok',
        source: '12.3; SSM 14',
        why: 'it does not have this operation',
      }),
    ],
  },
  {
    name: 'a command that is cancelled',
    steps: [
      publish(),
      send(),
      commandEnds,
      lie(ask('CancelCommand', { CommandId: LAST_COMMAND }), {
        moto: 'no answer that the SDK can read, status 500',
        service: 'ok',
        source: '12.3; SSM 14',
        why: 'it does not have this operation',
      }),
    ],
  },
  {
    name: 'the managed instances',
    steps: [
      lie(ask('DescribeInstanceInformation', {}), {
        moto: 'no answer that the SDK can read, status 500',
        service: 'ok',
        source: '12.3; SSM 14',
        why: 'it does not have this operation',
      }),
    ],
  },
]
