/**
 * The double's labels, versions and texts against what the real service does. `recorded` names the test of LocalStack's
 * suite whose answers were recorded from AWS; sections are those of facts secrets-manager-rotation.md.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Fixture, start, version } from './fixture.ts'

const [v1, v2, v3, v4] = [version(1), version(2), version(3), version(4)]

function put({ ask }: Fixture, id: string, text: string, labels?: readonly string[]) {
  const VersionStages = labels === undefined ? {} : { VersionStages: labels }
  return ask('PutSecretValue', { SecretId: 's', ClientRequestToken: id, SecretString: text, ...VersionStages })
}

function move({ ask }: Fixture, label: string, from: string | null, to: string | null) {
  return ask('UpdateSecretVersionStage', {
    SecretId: 's',
    VersionStage: label,
    ...(from === null ? {} : { RemoveFromVersionId: from }),
    ...(to === null ? {} : { MoveToVersionId: to }),
  })
}

async function withSecret(context: Parameters<typeof start>[0]): Promise<Fixture> {
  const fixture = await start(context)
  fixture.aws.secrets.create('s', 'S1', v1)
  return fixture
}

describe('PutSecretValue', () => {
  test('moves AWSCURRENT when no label is given, and AWSPREVIOUS behind it (recorded: deprecated_secret_version_stage)', async (context) => {
    const fixture = await withSecret(context)
    const answer = await put(fixture, v2, 'S2')
    assert.deepEqual(answer.body['VersionStages'], ['AWSCURRENT'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS'], [v2]: ['AWSCURRENT'] })
    await put(fixture, v3, 'S3')
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v2]: ['AWSPREVIOUS'], [v3]: ['AWSCURRENT'] })
  })

  test('with other labels leaves AWSCURRENT alone (recorded: put_secret_value_with_version_stages)', async (context) => {
    const fixture = await withSecret(context)
    const first = await put(fixture, v2, 'S2', ['SAMPLESTAGE1', 'SAMPLESTAGE0'])
    assert.deepEqual(first.body['VersionStages'], ['SAMPLESTAGE0', 'SAMPLESTAGE1'])
    await put(fixture, v3, 'S3', ['SAMPLESTAGE1', 'SAMPLESTAGE0'])
    const get = await fixture.ask('GetSecretValue', { SecretId: 's' })
    assert.deepEqual([get.body['SecretString'], get.body['VersionStages']], ['S1', ['AWSCURRENT']])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), {
      [v1]: ['AWSCURRENT'],
      [v3]: ['SAMPLESTAGE0', 'SAMPLESTAGE1'],
    })
  })

  test('gives the first version of a secret AWSCURRENT, whatever its labels (API reference)', async (context) => {
    const fixture = await start(context)
    fixture.aws.secrets.create('s')
    assert.deepEqual((await put(fixture, v1, 'S1', ['MINE'])).body['VersionStages'], ['AWSCURRENT', 'MINE'])
  })

  test('takes a left-over AWSPENDING off the current version (recorded: current_pending, current_pending_cycle)', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2', ['AWSPENDING'])
    await move(fixture, 'AWSCURRENT', v1, v2)
    const get = await fixture.ask('GetSecretValue', { SecretId: 's' })
    assert.deepEqual(get.body['VersionStages'], ['AWSCURRENT', 'AWSPENDING'])
    await put(fixture, v3, 'S3', ['AWSPENDING'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), {
      [v1]: ['AWSPREVIOUS'],
      [v2]: ['AWSCURRENT'],
      [v3]: ['AWSPENDING'],
    })
    await move(fixture, 'AWSCURRENT', v2, v3)
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), {
      [v2]: ['AWSPREVIOUS'],
      [v3]: ['AWSCURRENT', 'AWSPENDING'],
    })
    await put(fixture, v4, 'S4', ['AWSCURRENT'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v3]: ['AWSPREVIOUS'], [v4]: ['AWSCURRENT'] })
  })

  test('again with the same token and bytes does nothing; with other bytes it is ResourceExists (section 3)', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2', ['AWSPENDING'])
    await move(fixture, 'AWSPENDING', v2, null)
    const same = await put(fixture, v2, 'S2', ['AWSPENDING'])
    assert.equal(same.type, 'ok')
    assert.equal(fixture.aws.secrets.secret('s').versions.holder('AWSPENDING'), undefined)
    const other = await put(fixture, v2, 'other', ['AWSPENDING'])
    assert.deepEqual([other.status, other.type], [400, 'ResourceExistsException'])
    assert.match(other.message, /^You can't use ClientRequestToken .* already in use for a version of secret arn:aws:/)
    assert.equal(fixture.aws.secrets.secret('s').text(v2), 'S2')
  })

  test('needs a token on raw HTTP (recorded: no_client_request_token)', async (context) => {
    const { ask } = await withSecret(context)
    const answer = await ask('PutSecretValue', { SecretId: 's', SecretString: 'x' })
    assert.deepEqual(
      [answer.type, answer.message],
      ['InvalidRequestException', 'You must provide a ClientRequestToken value. We recommend a UUID-type value.'],
    )
  })

  test('takes 65,536 bytes of UTF-8 and not one more (section 6)', async (context) => {
    const fixture = await withSecret(context)
    assert.equal((await put(fixture, v2, 'ä'.repeat(32_768))).type, 'ok')
    assert.equal((await put(fixture, v3, `${'ä'.repeat(32_768)}a`)).type, 'ValidationException')
  })

  test('wants text or binary, not both and not neither', async (context) => {
    const { ask } = await withSecret(context)
    const base = { SecretId: 's', ClientRequestToken: v2 }
    assert.equal((await ask('PutSecretValue', base)).type, 'InvalidRequestException')
    const both = await ask('PutSecretValue', { ...base, SecretString: 'a', SecretBinary: 'YQ==' })
    assert.equal(both.type, 'InvalidParameterException')
  })

  test('counts at most 20 labels over all versions and changes nothing beyond (section 6)', async (context) => {
    const fixture = await withSecret(context)
    const labels = Array.from({ length: 19 }, (_, number) => `L${number}`)
    assert.equal((await put(fixture, v2, 'S2', labels)).type, 'ok')
    assert.equal((await put(fixture, v3, 'S3', ['ONE_MORE'])).type, 'LimitExceededException')
    assert.equal(fixture.aws.secrets.secret('s').versions.get(v3), undefined)
  })

  test('keeps 100 versions and everything of the last 24 hours, then refuses (section 3)', async (context) => {
    const fixture = await withSecret(context)
    for (let number = 2; number <= 100; number += 1) await put(fixture, version(number), `S${number}`)
    assert.equal((await put(fixture, version(101), 'S101')).type, 'LimitExceededException')
    fixture.clock.advance(24 * 3600_000 + 1)
    assert.equal((await put(fixture, version(101), 'S101')).type, 'ok')
    const { versions } = fixture.aws.secrets.secret('s')
    assert.equal(versions.view().versions.size, 100)
    assert.deepEqual([versions.get(v1), versions.holder('AWSCURRENT')], [undefined, version(101)])
  })
})

describe('UpdateSecretVersionStage is a compare-and-swap (section 3)', () => {
  test('it moves a label from the version that is named', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2', ['AWSPENDING', 'AWSSOMETHING', 'PUT1'])
    // Recorded: current_pending_cycle_custom_stages_1.
    assert.equal((await move(fixture, 'AWSCURRENT', v1, v2)).type, 'ok')
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), {
      [v1]: ['AWSPREVIOUS'],
      [v2]: ['AWSCURRENT', 'AWSPENDING', 'AWSSOMETHING', 'PUT1'],
    })
  })

  test('it is refused when the named version is not the one, and when none is named', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2', ['AWSPENDING'])
    const before = fixture.aws.secrets.secret('s').labels()
    const unnamed = await move(fixture, 'AWSCURRENT', null, v2)
    assert.deepEqual(
      [unnamed.type, unnamed.message],
      [
        'InvalidParameterException',
        `The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version ${v1}, so you must explicitly reference that version in RemoveFromVersionId.`,
      ],
    )
    for (const wrong of [v2, v3]) {
      assert.equal((await move(fixture, 'AWSCURRENT', wrong, v2)).type, 'InvalidParameterException', wrong)
    }
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), before)
  })

  test('it is not idempotent: the same move again is refused', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2', ['AWSPENDING'])
    await move(fixture, 'AWSCURRENT', v1, v2)
    assert.equal((await move(fixture, 'AWSCURRENT', v1, v2)).type, 'InvalidParameterException')
    assert.deepEqual(fixture.aws.secrets.secret('s').labels()[v2], ['AWSCURRENT', 'AWSPENDING'])
  })

  test('it moves a label back to the version it left, and AWSPREVIOUS with it', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2')
    await move(fixture, 'AWSCURRENT', v2, v1)
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'], [v2]: ['AWSPREVIOUS'] })
  })

  test('a move onto itself leaves AWSPREVIOUS where it is', async (context) => {
    const fixture = await withSecret(context)
    await put(fixture, v2, 'S2')
    assert.equal((await move(fixture, 'AWSCURRENT', v2, v2)).type, 'ok')
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS'], [v2]: ['AWSCURRENT'] })
  })

  test('it attaches a label that nobody has, and removes one (recorded: custom_stages_3)', async (context) => {
    const fixture = await withSecret(context)
    await move(fixture, 'MINE', null, v1)
    assert.deepEqual(fixture.aws.secrets.secret('s').labels()[v1], ['AWSCURRENT', 'MINE'])
    await move(fixture, 'MINE', v1, null)
    assert.deepEqual(fixture.aws.secrets.secret('s').labels()[v1], ['AWSCURRENT'])
  })

  test('it never leaves a secret without AWSCURRENT, nor on a version that is not there', async (context) => {
    const fixture = await withSecret(context)
    assert.equal((await move(fixture, 'AWSCURRENT', v1, null)).type, 'InvalidParameterException')
    assert.equal((await move(fixture, 'AWSCURRENT', v1, v2)).type, 'ResourceNotFoundException')
    assert.equal((await move(fixture, 'AWSCURRENT', null, null)).type, 'InvalidParameterException')
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'] })
  })
})

describe('GetSecretValue and DescribeSecret', () => {
  test('find nothing in the recorded words (secret_not_found, secret_version_not_found, get_secret_value_errors)', async (context) => {
    const { aws, ask } = await start(context)
    aws.secrets.create('empty')
    aws.secrets.create('s', 'S1', v1)
    const cases: [Record<string, string>, string, string][] = [
      [{ SecretId: 'nope' }, 'ResourceNotFoundException', "Secrets Manager can't find the specified secret."],
      [
        { SecretId: 'empty' },
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
      ],
      [
        { SecretId: 's', VersionStage: 'AWSPREVIOUS' },
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
      ],
      [
        { SecretId: 's', VersionId: v2 },
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for VersionId: ${v2}`,
      ],
      [
        { SecretId: 's', VersionId: v1, VersionStage: 'AWSPENDING' },
        'InvalidRequestException',
        'You provided a VersionStage that is not associated to the provided VersionId.',
      ],
    ]
    for (const [input, type, message] of cases) {
      const answer = await ask('GetSecretValue', input)
      assert.deepEqual([answer.status, answer.type, answer.message], [400, type, message])
    }
  })

  test('find a secret by name, ARN and ARN without its suffix; not by one that looks whole (create_and_update_secret)', async (context) => {
    const { aws, ask } = await start(context)
    for (const name of ['prod/agent', 'prod/agent-a1b2', 'prod/agent-a1b2c3-']) {
      const { arn } = aws.secrets.create(name, name)
      assert.match(arn, /-[A-Za-z0-9]{6}$/)
      for (const id of [name, arn, arn.slice(0, -7)]) {
        assert.equal((await ask('GetSecretValue', { SecretId: id })).body['SecretString'], name, id)
      }
    }
    const { arn } = aws.secrets.create('prod/agent-a1b2c3', 'x')
    assert.equal((await ask('GetSecretValue', { SecretId: arn })).type, 'ok')
    assert.equal((await ask('GetSecretValue', { SecretId: arn.slice(0, -7) })).type, 'ResourceNotFoundException')
  })

  test('do not list versions without a label, nor a rotation that never was (recorded: rotate_secret…, empty_secret)', async (context) => {
    const fixture = await withSecret(context)
    for (const [id, text] of [
      [v2, 'S2'],
      [v3, 'S3'],
    ] as const)
      await put(fixture, id, text)
    const { body } = await fixture.ask('DescribeSecret', { SecretId: 's' })
    assert.deepEqual(body['VersionIdsToStages'], { [v2]: ['AWSPREVIOUS'], [v3]: ['AWSCURRENT'] })
    assert.ok(!('RotationEnabled' in body))
    fixture.aws.secrets.create('empty')
    assert.ok(!('VersionIdsToStages' in (await fixture.ask('DescribeSecret', { SecretId: 'empty' })).body))
    // But an unlabelled version can still be read by its id (deprecated, not deleted).
    assert.equal((await fixture.ask('GetSecretValue', { SecretId: 's', VersionId: v1 })).body['SecretString'], 'S1')
  })

  test('binary values come back as base64 (recorded: get_secret_value)', async (context) => {
    const { aws, ask } = await start(context)
    aws.secrets.create('b')
    await ask('PutSecretValue', { SecretId: 'b', ClientRequestToken: v1, SecretBinary: 'Zm9vdGVzdA==' })
    const { body } = await ask('GetSecretValue', { SecretId: 'b' })
    assert.deepEqual([body['SecretBinary'], body['SecretString']], ['Zm9vdGVzdA==', undefined])
  })
})

describe('a secret that is scheduled for deletion', () => {
  test('is described and listed, but neither read nor written (recorded: tag_untag_resource_on_deleted_secret)', async (context) => {
    const fixture = await withSecret(context)
    await fixture.ask('DeleteSecret', { SecretId: 's' })
    assert.ok('DeletedDate' in (await fixture.ask('DescribeSecret', { SecretId: 's' })).body)
    const refused = await fixture.ask('GetSecretValue', { SecretId: 's' })
    assert.deepEqual(
      [refused.type, refused.message],
      ['InvalidRequestException', "You can't perform this operation on the secret because it was marked for deletion."],
    )
    for (const answer of [await put(fixture, v2, 'S2'), await move(fixture, 'AWSCURRENT', v1, v1)]) {
      assert.equal(answer.type, 'InvalidRequestException')
    }
    await fixture.ask('RestoreSecret', { SecretId: 's' })
    assert.equal((await fixture.ask('GetSecretValue', { SecretId: 's' })).type, 'ok')
  })

  test('blocks its name until it is gone for good (recorded: exp_raised_on_creation…, can_recreate_delete_secret)', async (context) => {
    const { ask } = await withSecret(context)
    const create = { Name: 's', ClientRequestToken: v2, SecretString: 'new' }
    assert.equal(
      (await ask('CreateSecret', create)).message,
      'The operation failed because the secret s already exists.',
    )
    await ask('DeleteSecret', { SecretId: 's' })
    const blocked = await ask('CreateSecret', create)
    assert.match(blocked.message, /^You can't create this secret because a secret with this name is already scheduled/)
    await ask('DeleteSecret', { SecretId: 's', ForceDeleteWithoutRecovery: true })
    assert.equal((await ask('CreateSecret', create)).type, 'ok')
  })
})

describe('CreateSecret and DeleteSecret, repeated', () => {
  test('ignore a repeat of the same creation, and of no other (API reference)', async (context) => {
    const { ask } = await start(context)
    const create = { Name: 's', ClientRequestToken: v1, SecretString: 'S1' }
    assert.equal((await ask('CreateSecret', create)).type, 'ok')
    assert.equal((await ask('CreateSecret', create)).body['VersionId'], v1)
    for (const change of [{ SecretString: 'other' }, { ClientRequestToken: v2 }, { SecretString: undefined }]) {
      assert.equal((await ask('CreateSecret', { ...create, ...change })).type, 'ResourceExistsException')
    }
    assert.equal((await ask('GetSecretValue', { SecretId: 's' })).body['SecretString'], 'S1')
  })

  test('delete what is not there at once, as if it were (recorded: delete_non_existent_secret…, force_delete…)', async (context) => {
    const { ask } = await withSecret(context)
    const atOnce = { SecretId: 's', ForceDeleteWithoutRecovery: true }
    const first = await ask('DeleteSecret', atOnce)
    assert.deepEqual([first.type, (await ask('DeleteSecret', atOnce)).body], ['ok', first.body])
    assert.equal((await ask('DeleteSecret', { SecretId: 's' })).type, 'ResourceNotFoundException')
  })

  test('a recovery window has 7 to 30 days (API reference; no bound of its model)', async (context) => {
    const { ask } = await withSecret(context)
    for (const RecoveryWindowInDays of [6, 31]) {
      const answer = await ask('DeleteSecret', { SecretId: 's', RecoveryWindowInDays })
      assert.equal(answer.type, 'InvalidParameterException')
    }
    assert.equal((await ask('DeleteSecret', { SecretId: 's', RecoveryWindowInDays: 7 })).type, 'ok')
  })
})

test('a refused update changes nothing, not even the description (section 3)', async (context) => {
  const { ask } = await withSecret(context)
  const update = { SecretId: 's', ClientRequestToken: v1, SecretString: 'other', Description: 'other' }
  assert.equal((await ask('UpdateSecret', update)).type, 'ResourceExistsException')
  assert.ok(!('Description' in (await ask('DescribeSecret', { SecretId: 's' })).body))
})

test('names have the recorded alphabet (recorded: invalid_secret_name)', async (context) => {
  const { ask } = await start(context)
  for (const Name of ['Inv Name', ' Inv*Name? ', ' Inv *?!]Name\\-']) {
    const answer = await ask('CreateSecret', { Name, ClientRequestToken: v1, SecretString: 'x' })
    assert.deepEqual(
      [answer.type, answer.message],
      [
        'ValidationException',
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      ],
    )
  }
})

test('UpdateSecret with a token that is in use is always an error (section 3)', async (context) => {
  const { ask } = await withSecret(context)
  const update = { SecretId: 's', ClientRequestToken: v1, SecretString: 'S1' }
  assert.equal((await ask('UpdateSecret', update)).type, 'ResourceExistsException')
  assert.equal((await ask('UpdateSecret', { ...update, ClientRequestToken: v2 })).body['VersionId'], v2)
})

test('ListSecretVersionIds shows deprecated versions only when asked, in pages (recorded: deprecated_secret_version_stage)', async (context) => {
  const fixture = await withSecret(context)
  for (const [id, text] of [
    [v2, 'S2'],
    [v3, 'S3'],
  ] as const)
    await put(fixture, id, text)
  const ids = async (input: Record<string, unknown>) => {
    const { body } = await fixture.ask('ListSecretVersionIds', { SecretId: 's', ...input })
    const versions = body['Versions'] as { VersionId: string }[]
    return { ids: versions.map(({ VersionId }) => VersionId), next: body['NextToken'] }
  }
  assert.deepEqual((await ids({})).ids, [v2, v3])
  assert.deepEqual((await ids({ IncludeDeprecated: true })).ids, [v1, v2, v3])
  const first = await ids({ MaxResults: 1 })
  assert.deepEqual([first.ids, (await ids({ MaxResults: 1, NextToken: first.next })).ids], [[v2], [v3]])
})

test('the native event tells of every label that moves, except AWSPENDING and AWSPREVIOUS (section 7.1)', async (context) => {
  const fixture = await withSecret(context)
  await put(fixture, v2, 'S2', ['AWSPENDING', 'STAGED'])
  await move(fixture, 'AWSCURRENT', v1, v2)
  await fixture.aws.idle()
  assert.deepEqual(
    fixture.events.map(({ detail }) => [detail['labelUpdated'], detail['versionId']]),
    [
      ['AWSCURRENT', v1],
      ['STAGED', v2],
      ['AWSCURRENT', v2],
    ],
  )
  const last = fixture.events.at(-1)
  assert.deepEqual(
    { ...last, id: '' },
    {
      version: '0',
      id: '',
      'detail-type': 'Secret Label Updated',
      source: 'aws.secretsmanager',
      account: '123456789012',
      time: '2026-11-24T00:00:00Z',
      region: 'us-east-1',
      resources: [fixture.aws.secrets.secret('s').arn],
      detail: { name: 's', labelUpdated: 'AWSCURRENT', versionId: v2 },
    },
  )
})
