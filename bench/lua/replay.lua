-- Sends requests that were signed beforehand, in the order of a file of fixed records.
-- Arguments: FILE RECORD_LENGTH COUNT ("statuses" | "")

local file, length, count
local position = 0
statuses = {}
wraps = 0

function init(args)
  file = assert(io.open(args[1], "rb"))
  file:setvbuf("full", 262144)
  length, count = tonumber(args[2]), tonumber(args[3])
  if args[4] == "statuses" then
    -- Defined only when wanted: wrk builds a table of headers per answer for it.
    response = function(status)
      statuses[status] = (statuses[status] or 0) + 1
    end
  end
end

function request()
  if position == count then
    file:seek("set", 0)
    position, wraps = 0, wraps + 1
  end
  position = position + 1
  return file:read(length)
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function done(summary, latency)
  local by_status, wrapped = {}, 0
  for _, thread in ipairs(threads) do
    for status, number in pairs(thread:get("statuses")) do
      table.insert(by_status, string.format('"%d":%d', status, number))
    end
    wrapped = wrapped + thread:get("wraps")
  end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,'
      .. '"write":%d,"timeout":%d,"status":%d,"wraps":%d,"statuses":{%s}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status, wrapped,
    table.concat(by_status, ",")))
end
