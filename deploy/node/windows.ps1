# Windows: the ECS agent is the service AmazonECS and reads its registry auth from machine variables when it starts.
# For Windows PowerShell 5.1. Never yet run on Windows by its authors: docs/node.md says what stands in for that.
$ErrorActionPreference = 'Stop'
[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
$began = [DateTime]::UtcNow
$version = '-'
$agent = '-'
$joined = ''
$names = 'ECS_ENGINE_AUTH_TYPE', 'ECS_ENGINE_AUTH_DATA'
$state = Join-Path $env:ProgramData 'ecs-pull-auth'
$stampFile = Join-Path $state 'applied.txt'
$goodFile = Join-Path $state 'last-good.txt'

# SSM agents before 3.3.2746.0 paste; what the patterns allow is no syntax in single quotes.
$pasted = @{ secretArn = '{{secretArn}}'; versionId = '{{versionId}}'; mode = '{{mode}}'; jitterSeconds = '{{jitterSeconds}}' }
$given = @{}
foreach ($name in $pasted.Keys) {
  $value = [Environment]::GetEnvironmentVariable("SSM_$name")
  $given[$name] = if ($null -eq $value) { $pasted[$name] } else { $value }
}

function Stop-Run([string] $result, [int] $code, [string] $reason) {
  $seconds = [int] ([DateTime]::UtcNow - $began).TotalSeconds
  $tail = if ($reason) { " reason=$reason" } else { '' }
  [Console]::Out.WriteLine("ecs-pull-auth result=$result version=$version agent=$agent seconds=$seconds$tail")
  if ($code) { [Console]::Error.WriteLine("ecs-pull-auth: this Windows instance: $result, $reason.") }
  exit $code
}

# The body of an answer 200. A failure is told by its status and type, never by its text.
function Send-Request([string] $who, [string] $method, [string] $uri, $headers, [string] $body, [bool] $direct) {
  foreach ($try in 1, 2, 3) {
    $request = [Net.WebRequest]::Create($uri)
    $request.Method = $method
    $request.Timeout = 10000
    $request.AllowAutoRedirect = $false
    if ($direct) { $request.Proxy = $null }
    foreach ($name in $headers.Keys) {
      if ($name -eq 'content-type') { $request.ContentType = $headers[$name] } else { $request.Headers.Add($name, $headers[$name]) }
    }
    $status = 'unreachable'
    $kind = ''
    try {
      if ($method -eq 'PUT') { $request.ContentLength = 0 }
      if ($body) {
        $bytes = [Text.Encoding]::UTF8.GetBytes($body)
        $request.ContentLength = $bytes.Length
        $stream = $request.GetRequestStream()
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Close()
      }
      $answer = $request.GetResponse()
      $status = [int] $answer.StatusCode
      $text = (New-Object IO.StreamReader($answer.GetResponseStream(), [Text.Encoding]::UTF8)).ReadToEnd()
      $answer.Close()
      if ($status -eq 200) { return $text }
    } catch [Net.WebException] {
      $answer = $_.Exception.Response
      if ($answer) {
        $status = [int] $answer.StatusCode
        $kind = [string] $answer.Headers['x-amzn-errortype']
        if (-not $kind) {
          $text = (New-Object IO.StreamReader($answer.GetResponseStream())).ReadToEnd()
          if ($text -match '"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z]+)') { $kind = $Matches[1] }
        }
        $answer.Close()
      }
    }
    $kind = ($kind -split ':')[0] -replace '[^A-Za-z]', ''
    $again = $status -eq 'unreachable' -or [int] $status -ge 500 -or [int] $status -eq 429 -or $kind -match 'Throttl|TooManyRequests'
    if (-not $again) { break }
    Start-Sleep -Seconds $try
  }
  Stop-Run 'fetch-failed' 11 ("$who-http-$status" + $(if ($kind) { "-$kind" }))
}

function Get-Hmac([byte[]] $key, [string] $text) {
  $hmac = New-Object Security.Cryptography.HMACSHA256 -ArgumentList (, $key)
  return , $hmac.ComputeHash([Text.Encoding]::UTF8.GetBytes($text))
}

function ConvertTo-Hex([byte[]] $bytes) { return -join ($bytes | ForEach-Object { $_.ToString('x2') }) }

function Get-Digest([string] $text) {
  return ConvertTo-Hex ([Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes($text)))
}

# IMDSv2, Signature Version 4.
function Get-StoredConfig([string] $arn) {
  $imds = 'http://169.254.169.254/latest/'
  $token = Send-Request 'imds' 'PUT' ($imds + 'api/token') @{ 'X-aws-ec2-metadata-token-ttl-seconds' = '60' } '' $true
  $header = @{ 'X-aws-ec2-metadata-token' = $token }
  $base = $imds + 'meta-data/iam/security-credentials/'
  $role = ((Send-Request 'imds' 'GET' $base $header '' $true) -split '\n')[0].Trim()
  $keys = Send-Request 'imds' 'GET' ($base + $role) $header '' $true | ConvertFrom-Json
  $region = ($arn -split ':')[3]
  $suffix = switch (($arn -split ':')[1]) { 'aws' { 'amazonaws.com' } 'aws-us-gov' { 'amazonaws.com' } 'aws-cn' { 'amazonaws.com.cn' } }
  if (-not $suffix) { Stop-Run 'unsupported' 15 'partition' }
  $hostName = "secretsmanager.$region.$suffix"
  $body = '{"SecretId":"' + $arn + '","VersionStage":"AWSCURRENT"}'
  $now = [DateTime]::UtcNow.ToString('yyyyMMddTHHmmssZ', [Globalization.CultureInfo]::InvariantCulture)
  $scope = $now.Substring(0, 8) + "/$region/secretsmanager/aws4_request"
  $signed = 'content-type;host;x-amz-date;x-amz-security-token;x-amz-target'
  $canonical = "POST`n/`n`ncontent-type:application/x-amz-json-1.1`nhost:$hostName`nx-amz-date:$now`n" +
    "x-amz-security-token:$($keys.Token)`nx-amz-target:secretsmanager.GetSecretValue`n`n$signed`n" + (Get-Digest $body)
  $key = [Text.Encoding]::UTF8.GetBytes('AWS4' + $keys.SecretAccessKey)
  foreach ($part in $scope -split '/') { $key = Get-Hmac $key $part }
  $signature = ConvertTo-Hex (Get-Hmac $key ("AWS4-HMAC-SHA256`n$now`n$scope`n" + (Get-Digest $canonical)))
  $headers = @{
    'content-type' = 'application/x-amz-json-1.1'
    'x-amz-date' = $now
    'x-amz-security-token' = $keys.Token
    'x-amz-target' = 'secretsmanager.GetSecretValue'
    'Authorization' = "AWS4-HMAC-SHA256 Credential=$($keys.AccessKeyId)/$scope, SignedHeaders=$signed, Signature=$signature"
  }
  return Send-Request 'secretsmanager' 'POST' "https://$hostName/" $headers $body $false | ConvertFrom-Json
}

# Stricter than the agent, in one regular expression: an object of objects of strings.
$string = '"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
$field = $string + '[ \t]*:[ \t]*' + $string + '[ \t]*'
$entry = $string + '[ \t]*:[ \t]*\{[ \t]*(?:' + $field + '(?:,[ \t]*' + $field + ')*)?\}[ \t]*'
$shape = '^\{[ \t]*' + $entry + '(?:,[ \t]*' + $entry + ')*\}$'

# The two values that the agent would get, or the end of the run.
function Get-Auth([string] $text) {
  $found = @{}
  if ($text.TrimStart().StartsWith('{')) {
    try { $pairs = $text | ConvertFrom-Json } catch { Stop-Run 'refused' 12 'stored-json' }
    foreach ($name in $names) { if ($pairs.$name -is [string]) { $found[$name] = $pairs.$name } }
  } else {
    foreach ($line in $text -split '\n') {
      $at = $line.Trim().IndexOf('=')
      if ($at -gt 0) { $found[$line.Trim().Substring(0, $at)] = $line.Trim().Substring($at + 1) }
    }
  }
  $kind = ([string] $found[$names[0]]).Trim()
  $data = ([string] $found[$names[1]]).Trim()
  if ($kind -cne 'docker' -and $kind -cne 'dockercfg') { Stop-Run 'refused' 12 'auth-type' }
  if ($data -cnotmatch $shape) { Stop-Run 'refused' 12 'auth-data-json' }
  if ($data.Length -gt 32000) { Stop-Run 'refused' 12 'auth-data-too-long' }
  $usable = $kind -ceq 'docker' -and $data -match '"(?:username|identitytoken|registrytoken)"[ \t]*:[ \t]*"[^"]'
  if ($kind -ceq 'dockercfg') {
    foreach ($match in [regex]::Matches($data, '"auth"[ \t]*:[ \t]*"([A-Za-z0-9+/]+={0,2})"')) {
      try { $usable = $usable -or [Convert]::FromBase64String($match.Groups[1].Value) -contains 58 } catch { $null = $_ }
    }
  }
  if (-not $usable) { Stop-Run 'refused' 12 'auth-data-empty' }
  return @($kind, $data)
}

function Get-Current { return @($names | ForEach-Object { [string] [Environment]::GetEnvironmentVariable($_, 'Machine') }) }

# An empty value removes a variable.
function Set-Current([string[]] $values) {
  foreach ($at in 0, 1) { [Environment]::SetEnvironmentVariable($names[$at], $values[$at], 'Machine') }
}

# 0: it was stopped, or ended by itself, which Windows does not tell apart; 1077: not started since the boot.
function Stop-NotRunning {
  $code = (Get-CimInstance Win32_Service -Filter "Name='AmazonECS'").ExitCode
  if (0, 1077 -contains $code) { Stop-Run 'written' 0 'service-stopped' }
  Stop-Run 'agent-down' 17 "service-exit-$code"
}

function Get-AgentProcess { return (Get-CimInstance Win32_Service -Filter "Name='AmazonECS'").ProcessId }

function Get-Agent {
  try {
    $request = [Net.WebRequest]::Create('http://127.0.0.1:51678/v1/metadata')
    $request.Timeout = 2000
    $request.Proxy = $null
    $answer = $request.GetResponse()
    $metadata = (New-Object IO.StreamReader($answer.GetResponseStream())).ReadToEnd() | ConvertFrom-Json
    $answer.Close()
    $script:joined = [string] $metadata.Cluster
    if ($metadata.ContainerInstanceArn -and $metadata.Version -match '[0-9][0-9A-Za-z.+-]{0,19}') { return $Matches[0] }
  } catch { $null = $_ }
  return ''
}

# What Restart-Service does, with an end.
function Restart-Agent {
  $before = Get-AgentProcess
  try {
    $service = Get-Service AmazonECS
    if ($service.Status -ne 'Stopped') { $service.Stop() }
    $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds(45))
    $service.Start()
    $service.WaitForStatus('Running', [TimeSpan]::FromSeconds(45))
  } catch { $null = $_ }
  return Wait-Agent $before
}

# Whether the agent is another process than that and stays registered.
function Wait-Agent($before) {
  $deadline = [DateTime]::UtcNow.AddSeconds(60)
  $steady = 0
  while ($steady -lt 3 -and [DateTime]::UtcNow -lt $deadline) {
    $script:agent = Get-Agent
    $process = Get-AgentProcess
    if ($agent -and $process -and $process -ne $before) { $steady++ } else { $steady = 0 }
    Start-Sleep -Seconds 1
  }
  return $steady -eq 3
}

if ($given.secretArn -cnotmatch '^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$') { Stop-Run 'refused' 12 'parameter-secretArn' }
if ($given.jitterSeconds -cnotmatch '^([0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900)$') { Stop-Run 'refused' 12 'parameter-jitterSeconds' }
if ($given.mode -cne 'auth-only') { Stop-Run 'unsupported' 15 'windows-takes-auth-only' }
if (-not (Get-Service AmazonECS -ErrorAction SilentlyContinue)) { Stop-Run 'unsupported' 15 'no-ecs-agent' }
$checkpoint = [Environment]::GetEnvironmentVariable('ECS_CHECKPOINT', 'Machine')
$keeps = if ($checkpoint) { $checkpoint -eq 'true' } else { [Environment]::GetEnvironmentVariable('ECS_DATADIR', 'Machine') }
if (-not $keeps) { Stop-Run 'unsupported' 15 'agent-keeps-no-state' }

$mutex = New-Object Threading.Mutex($false, 'Global\ecs-pull-auth')
try { $held = $mutex.WaitOne(60000) } catch [Threading.AbandonedMutexException] { $held = $true }
if (-not $held) { Stop-Run 'busy' 10 'lock' }
try {
  $null = New-Item -ItemType Directory -Force $state
  $null = icacls $state /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F'
  if ($LASTEXITCODE) { Stop-Run 'write-failed' 16 'acl' }
  $current = Get-Current
  $stamp = if (Test-Path $stampFile) { [IO.File]::ReadAllText($stampFile) -split ' ' } else { '', '' }
  if ($stamp[1] -ceq (Get-Digest ($current -join "`n"))) { $version = $stamp[0] }
  $answer = Get-StoredConfig $given.secretArn
  if ($answer.VersionId -cnotmatch '^[A-Za-z0-9-]{1,64}$') { Stop-Run 'fetch-failed' 11 'secretsmanager-answer' }
  if ($answer.SecretString -isnot [string]) { Stop-Run 'fetch-failed' 11 'secretsmanager-binary' }
  $wanted = Get-Auth $answer.SecretString
  $digest = Get-Digest ($wanted -join "`n")
  $reason = if (('any', $answer.VersionId) -ccontains $given.versionId) { '' } else { 'other-version' }
  $running = (Get-Service AmazonECS).Status -eq 'Running'
  if ($digest -ceq (Get-Digest ($current -join "`n")) -and $stamp[1] -ceq $digest) {
    $version = $answer.VersionId
    [IO.File]::WriteAllText($stampFile, "$version $digest")
    if (-not $running) { Stop-NotRunning }
    $agent = Get-Agent
    if (-not $agent -and -not (Wait-Agent 0)) {
      $agent = '-'
      Stop-Run 'agent-down' 17 'agent-not-registered'
    }
    Stop-Run 'unchanged' 0 $reason
  }
  # An agent in another cluster than its variables name stops for good when it is started anew.
  $null = Get-Agent
  $named = [Environment]::GetEnvironmentVariable('ECS_CLUSTER', 'Machine')
  if ($joined -and $named -and $named.Trim() -cne $joined) { Stop-Run 'unsupported' 15 'cluster-changed' }
  # What was there before an earlier run that was cut short is still the last good.
  $good = if (Test-Path $goodFile) { [IO.File]::ReadAllText($goodFile) -split '\n' } else { $current }
  [IO.File]::WriteAllText($goodFile, ($good -join "`n"))
  if ($running) { Start-Sleep -Seconds (Get-Random -Minimum 0 -Maximum ([int] $given.jitterSeconds + 1)) }
  Set-Current $wanted
  if (-not $running) {
    $version = $answer.VersionId
    Stop-NotRunning
  }
  if (Restart-Agent) {
    $version = $answer.VersionId
    [IO.File]::WriteAllText($stampFile, "$version $digest")
    Remove-Item $goodFile
    Stop-Run 'applied' 0 $reason
  }
  $version = '-'
  $agent = '-'
  Set-Current $good
  if (-not (Restart-Agent)) { Stop-Run 'rollback-failed' 14 'agent-unhealthy' }
  if ($stamp[1] -ceq (Get-Digest ($good -join "`n"))) { $version = $stamp[0] }
  Remove-Item $goodFile
  Stop-Run 'rolled-back' 13 'agent-unhealthy'
} catch {
  # Its text may hold anything, so only its kind is told.
  Stop-Run 'write-failed' 16 ('defect-' + $_.Exception.GetType().Name)
}
