/**
 * What a Redis server does in one step for the caches that share it.
 *
 * A URI is a hash of its variants; a value begins with a line of identifier, body's length, number of its pieces, cost,
 * time and variant. `used` has all responses by the server's time of their last use, in µs, `bytes` what they cost
 * together.
 *
 * @module
 */
import { RedisScript } from "./redis_link.ts";

/** Most pieces of a body. */
export const MOST_PIECES = 16_384;

/** Arguments of all: what keys begin with, how long a response lives, how long a removed one is read on. */
const COMMON = `
local base, lifetime, grace = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local used, total = base .. 'used', base .. 'bytes'
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
-- The time of a use, behind that of the last: two may happen while the clock shows the same.
local function use()
  local time, last = now(), tonumber(redis.call('ZRANGE', used, -1, -1, 'WITHSCORES')[2]) or 0
  if time <= last and last - time < 1000000 then return last + 1 end
  return time
end
-- What somebody else has written here has no pieces, and costs nothing.
local function read(value)
  local id, pieces, cost = string.match(value, '^(%S+) %d+ (%d+) (%d+) ')
  return id or '', math.min(tonumber(pieces) or 0, ${MOST_PIECES}), math.min(tonumber(cost) or 0, 1e13)
end
local function add(bytes)
  -- Where there is no count, or none that is a number, who trims next counts anew.
  if bytes == 0 or redis.call('EXISTS', total) == 0 then return end
  if type(redis.pcall('INCRBY', total, bytes)) == 'table' then redis.call('DEL', total) end
end
local function keep(id, pieces, time)
  for piece = 0, pieces - 1 do redis.call('PEXPIRE', base .. 'body:' .. id .. ':' .. piece, time) end
end
local function count(uri, variant, cost)
  redis.call('ZADD', used, use(), uri .. ' ' .. variant .. ' ' .. cost)
  add(cost)
  redis.call('PEXPIRE', used, 2 * lifetime)
  redis.call('PEXPIRE', total, 2 * lifetime)
end
local function uncount(uri, variant, cost)
  if redis.call('ZREM', used, uri .. ' ' .. variant .. ' ' .. cost) == 1 then add(-cost) end
end
local function put(uri, variant, value)
  redis.call('HSET', base .. 'uri:' .. uri, variant, value)
  redis.call('PEXPIRE', base .. 'uri:' .. uri, lifetime)
end
local function retire(uri, variant, value)
  local id, pieces, cost = read(value)
  redis.call('HDEL', base .. 'uri:' .. uri, variant)
  uncount(uri, variant, cost)
  keep(id, pieces, grace)
end
-- The value of a variant, if it is still the one that is meant.
local function meant(uri, variant, id)
  local value = redis.call('HGET', base .. 'uri:' .. uri, variant)
  if value and read(value) == id then return value end
end
`;

/** A response whose pieces are all there takes its place; 1 when it has. Arguments: URI, variant, value. */
export const ADD: RedisScript = new RedisScript(`${COMMON}
local uri, variant, value = ARGV[4], ARGV[5], ARGV[6]
for piece = 2, #KEYS do
  if redis.call('EXISTS', KEYS[piece]) == 0 then return 0 end
end
local old = redis.call('HGET', KEYS[1], variant)
put(uri, variant, value)
if old then
  local id, pieces, cost = read(old)
  uncount(uri, variant, cost)
  keep(id, pieces, grace)
end
local id, pieces, cost = read(value)
count(uri, variant, cost)
keep(id, pieces, lifetime)
return 1`);

/** What is known of a response is replaced. Arguments: URI, variant, identifier, value. */
export const UPDATE: RedisScript = new RedisScript(`${COMMON}
local uri, variant, value = ARGV[4], ARGV[5], ARGV[7]
local old = meant(uri, variant, ARGV[6])
if not old then return 0 end
put(uri, variant, value)
local _, _, before = read(old)
uncount(uri, variant, before)
local id, pieces, cost = read(value)
count(uri, variant, cost)
keep(id, pieces, lifetime)
return 1`);

/** A response was used. Arguments: URI, variant, identifier. */
export const TOUCH: RedisScript = new RedisScript(`${COMMON}
local uri, variant = ARGV[4], ARGV[5]
local value = meant(uri, variant, ARGV[6])
if not value then return 0 end
local id, pieces, cost = read(value)
redis.call('ZADD', used, 'XX', use(), uri .. ' ' .. variant .. ' ' .. cost)
redis.call('PEXPIRE', base .. 'uri:' .. uri, lifetime)
keep(id, pieces, lifetime)
return 1`);

/** A response is found no more. Arguments: URI, variant, identifier. */
export const REMOVE: RedisScript = new RedisScript(`${COMMON}
local value = meant(ARGV[4], ARGV[5], ARGV[6])
if value then retire(ARGV[4], ARGV[5], value) end
return 1`);

/** A piece of a body, unless it or one behind it is gone; those live on for a while. Argument: how long. */
export const READ: RedisScript = new RedisScript(`
for piece = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[piece])
  if left == -2 then return false end
  if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[piece], ARGV[1]) end
end
return redis.call('GET', KEYS[1])`);

/**
 * The least recently used responses leave, a few hundred at a time, and those that have expired are no longer counted.
 * Arguments: most bytes, most responses. Gives bytes, responses, and 1 where it has to be called again.
 */
export const TRIM: RedisScript = new RedisScript(`${COMMON}
local most, mostResponses = tonumber(ARGV[4]), tonumber(ARGV[5])
local size = redis.call('ZCARD', used)
local bytes = tonumber(redis.pcall('GET', total))
if size == 0 then
  redis.call('DEL', total)
  return { 0, 0, 0 }
end
if not bytes then
  bytes = 0
  for _, member in ipairs(redis.call('ZRANGE', used, 0, -1)) do
    bytes = bytes + (tonumber(string.match(member, ' (%d+)$')) or 0)
  end
  redis.call('SET', total, bytes, 'PX', 2 * lifetime)
end
local expired = now() - lifetime * 1000
for round = 1, 300 do
  local oldest = redis.call('ZRANGE', used, 0, 0, 'WITHSCORES')
  if #oldest == 0 then return { 0, 0, 0 } end
  if bytes <= most and size <= mostResponses and tonumber(oldest[2]) >= expired then return { bytes, size, 0 } end
  local uri, variant, cost = string.match(oldest[1], '^(%S+) (%S+) (%d+)$')
  local value = uri and redis.call('HGET', base .. 'uri:' .. uri, variant)
  if value and select(3, read(value)) == tonumber(cost) then retire(uri, variant, value) end
  if redis.call('ZREM', used, oldest[1]) == 1 then add(-(tonumber(cost) or 0)) end
  bytes, size = bytes - (tonumber(cost) or 0), size - 1
end
return { bytes, size, 1 }`);

/** The turn of a URI: 1 for who has it, or where everybody is let through. Arguments: owner, how long. */
export const CLAIM: RedisScript = new RedisScript(`
local owner = redis.call('GET', KEYS[1])
if owner then return owner == '*' and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** The owner's turn ends; with a time everybody is let through for as long. Arguments: owner, time or 0. */
export const RELEASE: RedisScript = new RedisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], '*', 'PX', ARGV[2])
return 1`);
