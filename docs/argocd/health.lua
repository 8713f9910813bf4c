-- Health of a WebhookEndpoint for Argo CD: `resource.customizations.health.jethook.dev_WebhookEndpoint` of argocd-cm.
local hs = { status = "Progressing", message = "waiting for jethook to look at it" }

if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration ~= nil and obj.metadata.generation ~= nil
    and obj.status.observedGeneration < obj.metadata.generation then
  return hs
end

local ready = nil
local stalled = nil
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" and condition.status == "True" then
    stalled = condition
  end
end
if ready == nil then
  return hs
end

-- What comes by itself, or with an object that a sync creates later: no reason for a sync to fail.
local awaited = { Pending = true, NatsUnavailable = true, SecretNotFound = true, SecretKeyNotFound = true }

hs.message = ready.reason .. ": " .. ready.message
if ready.status == "True" then
  hs.status = ready.reason == "Suspended" and "Suspended" or "Healthy"
elseif stalled ~= nil then
  hs.status = "Degraded"
  hs.message = stalled.reason .. ": " .. stalled.message
elseif awaited[ready.reason] then
  hs.status = "Progressing"
else
  hs.status = "Degraded"
end
return hs
