-- The mixed load of soak.sh: reads, updates, new documents, deletes and listings over ids that come again.
local count, seed = 0, 0

function setup(thread)
  count = count + 1
  thread:set("seed", count)
end

function init()
  math.randomseed(seed * 7919 + 1)
end

function request()
  local id = "d" .. math.random(1, 20000)
  local dice = math.random(1, 100)
  if dice <= 50 then return wrk.format("GET", "/soak/" .. id) end
  if dice <= 90 then
    return wrk.format("PUT", "/soak/" .. id, nil, '{"n":' .. math.random(1, 1000000) .. ',"text":"' .. string.rep("x", math.random(1, 400)) .. '"}')
  end
  if dice <= 95 then return wrk.format("DELETE", "/soak/" .. id) end
  if dice <= 98 then return wrk.format("GET", "/soak/_documents?limit=20&from=" .. id) end
  return wrk.format("GET", "/soak/_activity?limit=50&latest=true&since=" .. math.random(0, 1000))
end

function response(status)
  -- A document may be gone (404), and a node that is full says so (503): anything else is a fault.
  if status ~= 200 and status ~= 201 and status ~= 404 and status ~= 503 then
    io.stderr:write("unexpected status " .. status .. "\n")
  end
end
