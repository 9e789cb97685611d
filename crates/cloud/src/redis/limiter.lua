-- ARGV: the cost, then for each key its limit and its window in microseconds.
-- Answers: how long to wait (-1 when admitted), then for each key what remains and its reset.
local SLICES = 60
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local cost = tonumber(ARGV[1])
local counters, wait = {}, -1

for n, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * n]), tonumber(ARGV[2 * n + 1])
  local counter = { limit = limit, width = math.max(1, math.ceil(window / SLICES)), total = 0, slices = {} }
  -- A sixtieth counts until its last moment is a window old.
  counter.freed_in = function(slice) return (slice + 1 + SLICES) * counter.width - now end
  local kept = redis.call('HGETALL', key)
  for at = 1, #kept, 2 do
    local slice, count = tonumber(kept[at]), tonumber(kept[at + 1])
    if counter.freed_in(slice) > 0 then
      table.insert(counter.slices, { slice, count })
      counter.total = counter.total + count
    else
      redis.call('HDEL', key, kept[at])
    end
  end
  table.sort(counter.slices, function(a, b) return a[1] < b[1] end)
  if cost > 0 and counter.total + cost > limit then
    local left, own = counter.total, window
    for _, slice in ipairs(counter.slices) do
      left = left - slice[2]
      if left + cost <= limit then
        own = counter.freed_in(slice[1])
        break
      end
    end
    wait = math.max(wait, own, 1)
  end
  counters[n] = counter
end

local answer = { wait }
for n, key in ipairs(KEYS) do
  local counter = counters[n]
  if wait < 0 and cost > 0 then
    local slice = math.floor(now / counter.width)
    local last = counter.slices[#counter.slices]
    -- A clock that was set back charges what it charged last.
    if last and last[1] >= slice then slice = last[1] else table.insert(counter.slices, { slice, cost }) end
    redis.call('HINCRBY', key, string.format('%.0f', slice), cost)
    redis.call('PEXPIRE', key, math.ceil(counter.freed_in(slice) / 1000) + 1)
    counter.total = counter.total + cost
  end
  local first = counter.slices[1]
  table.insert(answer, math.max(0, counter.limit - counter.total))
  table.insert(answer, first and counter.freed_in(first[1]) or 0)
end
return answer
