/** Run Command: what is asked of moto and of the double, and where moto is known to lie. */

import { createHash } from 'node:crypto'
import type { InstanceSeed } from '../aws/instances.ts'
import { DOCUMENT, fleetOf, id } from '../aws/ssm-fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Case, happens, LAST_COMMAND, lie, type Step, type View } from './moto-contract.ts'
import { OTHER_DOCUMENT, publish } from './moto-document-cases.ts'

/** What the double has; moto does not look whether an instance is there. */
export const INSTANCES: readonly InstanceSeed[] = fleetOf(2)

const hash = (content: string) => createHash('sha256').update(content).digest('hex')

function send(more: Json = {}, view: View = { of: started }): Step {
  return ask('SendCommand', { DocumentName: 'Doc', InstanceIds: [id(1)], ...more }, view)
}

function started(answer: Json): Json {
  return summary(answer['Command'] as Json)
}

function listed(answer: Json): Json {
  return { commands: (answer['Commands'] as Json[]).map(summary) }
}

function comments(answer: Json): Json {
  return { comments: (answer['Commands'] as Json[]).map(({ Comment }) => Comment) }
}

function outcome(answer: Json): Json {
  return only(answer, ['Status', 'StatusDetails', 'ResponseCode', 'PluginName'])
}

const SAID = ['DocumentName', 'Comment', 'Parameters', 'Targets', 'MaxConcurrency', 'MaxErrors', 'TimeoutSeconds']
const WENT = ['Status', 'StatusDetails', 'TargetCount', 'CompletedCount', 'ErrorCount', 'DeliveryTimedOutCount']

/** Instances sorted: moto keeps them in a set. */
function summary(command: Json): Json {
  return { ...only(command, SAID), InstanceIds: [...(command['InstanceIds'] as string[])].sort() }
}

function fate(answer: Json): Json {
  const [command = {}] = answer['Commands'] as Json[]
  return only(command, WENT)
}

function only(answer: Json, names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, answer[name]]))
}

const commandEnds: Step = happens('the command ends', (system) => system.settle())
const ended: Step = ask('ListCommands', { CommandId: LAST_COMMAND }, { of: fate })

export const COMMAND_CASES: readonly Case[] = [
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
      lie(send({ DocumentHash: hash(OTHER_DOCUMENT), DocumentHashType: 'Sha256' }), {
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
