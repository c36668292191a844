/** Links into the AWS console, by partition and Region. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consoleLinks } from '../../src/action/console-links.ts'
import type { SecretArn } from '../../src/core/ports.ts'

const arn = (partition: string, region: string) =>
  `arn:${partition}:secretsmanager:${region}:111122223333:secret:prod/ecs/agent-config-AbC123` as SecretArn

for (const [partition, region, host] of [
  ['aws', 'eu-central-1', 'eu-central-1.console.aws.amazon.com'],
  ['aws-cn', 'cn-north-1', 'cn-north-1.console.amazonaws.cn'],
  ['aws-us-gov', 'us-gov-west-1', 'us-gov-west-1.console.amazonaws-us-gov.com'],
  ['aws-eusc', 'eusc-de-east-1', 'eusc-de-east-1.console.amazonaws-eusc.eu'],
] as const) {
  test(`${partition}: ${host}`, () => {
    const links = consoleLinks(arn(partition, region)) ?? assert.fail('there are no links')
    const all = [
      links.secret(),
      links.command('1b2c3d4e-0000-4000-8000-000000000001'),
      links.instance('i-0a11c0ffee0000001'),
      links.instance('mi-0a11c0ffee0000001'),
      links.cluster(`arn:${partition}:ecs:${region}:111122223333:cluster/prod`),
    ].map((link) => new URL(link))
    for (const link of all) {
      assert.equal(link.host, host)
      assert.equal(link.searchParams.get('region'), region)
    }
    assert.equal(all[0]?.searchParams.get('name'), 'prod/ecs/agent-config')
    assert.equal(all[2]?.hash, '#InstanceDetails:instanceId=i-0a11c0ffee0000001')
    assert.match(all[4]?.pathname ?? '', /\/clusters\/prod\//)
  })
}

test('the console of an isolated partition is not guessed', () => {
  assert.equal(consoleLinks(arn('aws-iso', 'us-iso-east-1')), null)
})

test('an id that is none stays inside its link', () => {
  const link = new URL(consoleLinks(arn('aws', 'eu-west-1'))?.instance('i-1?x=y#z&/../') ?? '')
  assert.equal(link.hash, '#InstanceDetails:instanceId=i-1%3Fx%3Dy%23z%26%2F..%2F')
})
