-- ARGV: "keys" CURSOR COUNT FIELDS KEYS BOUND...      -> {cursor, {{bucket, keys, lane, lane, lane, earliest expiry}...}, {{type, key, expiry, length}...}}
--       "content" CURSOR COUNT FIELDS TYPE KEY         -> {cursor ("" at the end), elements, bytes, lane, lane, lane, earliest field expiry}
-- A key's content is a sum of its elements' hashes, so that neither their order in a table nor where a slice ends shows. Keys without an
-- expiry are bucket 0; bucket N holds those before BOUND N (ms), the last all later ones. Keys with many elements and long strings are
-- only named, for their content to be asked in slices. FIELDS is 1 where fields of hashes can expire (Redis 7.4), KEYS where keys do.
local LANE = 281474976710656
local CHUNK, SLICE = 65536, 262144
local SMALL, TOGETHER = 1000, 20000
local LENGTH = {list = 'LLEN', set = 'SCARD', hash = 'HLEN', zset = 'ZCARD', stream = 'XLEN'}
local call, sha1, sub, number = redis.call, redis.sha1hex, string.sub, tonumber
local fields_expire, keys_expire = ARGV[4] == '1', ARGV[5] == '1'
local FIRST_BOUND = 6

local function add(sum, text)
    local hash = sha1(text)
    sum[1] = (sum[1] + number(sub(hash, 1, 12), 16)) % LANE
    sum[2] = (sum[2] + number(sub(hash, 13, 24), 16)) % LANE
    sum[3] = (sum[3] + number(sub(hash, 25, 36), 16)) % LANE
end

local function earlier(one, other)
    if one < 0 or (other > 0 and other < one) then return other end
    return one
end

local function framed(values)
    local parts = {}
    for i, value in ipairs(values) do
        value = tostring(value)
        parts[i] = #value .. ':' .. value
    end
    return table.concat(parts)
end

local function named(flat)
    local fields = {}
    for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
    return fields
end

local function add_pending(key, group, sum)
    local from, page = '-', nil
    repeat
        page = call('XPENDING', key, group, from, '+', 1000)
        for _, one in ipairs(page) do
            add(sum, 'pending' .. framed({group, one[1], one[2], one[4]}))
            from = '(' .. one[1]
        end
    until #page < 1000
end

local function add_stream_state(key, sum)
    local info = named(call('XINFO', 'STREAM', key))
    add(sum, 'state' .. framed({info['last-generated-id'], info['max-deleted-entry-id'] or '', info['entries-added'] or ''}))
    for _, flat in ipairs(call('XINFO', 'GROUPS', key)) do
        local group = named(flat)
        add(sum, 'group' .. framed({group['name'], group['last-delivered-id'], group['entries-read'] or ''}))
        for _, consumer in ipairs(call('XINFO', 'CONSUMERS', key, group['name'])) do
            add(sum, 'consumer' .. framed({group['name'], named(consumer)['name']}))
        end
        add_pending(key, group['name'], sum)
    end
end

-- Each adds some elements; returns the next cursor, elements, bytes, and for fields that expire their earliest expiry.
local read = {}

function read.string(key, cursor, count, sum)
    local bytes = 0
    for _ = 1, count do
        local text = call('GETRANGE', key, cursor, cursor + CHUNK - 1)
        add(sum, cursor .. ':' .. text)
        bytes, cursor = bytes + #text, string.format('%.0f', cursor + CHUNK)
        if #text < CHUNK then return '', 1, bytes end
    end
    return cursor, 0, bytes
end

function read.list(key, cursor, count, sum)
    local items, bytes = call('LRANGE', key, cursor, cursor + count - 1), 0
    for i, item in ipairs(items) do
        add(sum, string.format('%.0f:', cursor + i) .. item)
        bytes = bytes + #item
    end
    return #items < count and '' or string.format('%.0f', cursor + count), #items, bytes
end

function read.set(key, cursor, count, sum)
    local page, bytes = call('SSCAN', key, cursor, 'COUNT', count), 0
    for _, member in ipairs(page[2]) do
        add(sum, member)
        bytes = bytes + #member
    end
    return page[1] == '0' and '' or page[1], #page[2], bytes
end

local function field_expiries(key, flat)
    local names = {}
    for i = 1, #flat, 2 do names[#names + 1] = flat[i] end
    if #names == 0 then return {} end
    return call('HPEXPIRETIME', key, 'FIELDS', #names, unpack(names))
end

function read.hash(key, cursor, count, sum)
    local page, bytes, earliest = call('HSCAN', key, cursor, 'COUNT', count), 0, -1
    local flat = page[2]
    local expiries = fields_expire and field_expiries(key, flat) or {}
    for i = 1, #flat, 2 do
        local expiry = expiries[(i + 1) / 2] or -1
        add(sum, (expiry > 0 and string.format('%.0f@', expiry) or '') .. #flat[i] .. ':' .. flat[i] .. flat[i + 1])
        earliest = earlier(earliest, expiry)
        bytes = bytes + #flat[i] + #flat[i + 1]
    end
    return page[1] == '0' and '' or page[1], #flat / 2, bytes, earliest
end

function read.zset(key, cursor, count, sum)
    local flat, bytes = call('ZRANGE', key, cursor, cursor + count - 1, 'WITHSCORES'), 0
    for i = 1, #flat, 2 do
        add(sum, string.format('%.17g:', number(flat[i + 1])) .. flat[i])
        bytes = bytes + #flat[i]
    end
    return #flat < 2 * count and '' or string.format('%.0f', cursor + count), #flat / 2, bytes
end

function read.stream(key, cursor, count, sum)
    local entries, bytes = call('XRANGE', key, cursor == '0' and '-' or '(' .. cursor, '+', 'COUNT', count), 0
    for _, entry in ipairs(entries) do
        local text = framed(entry[2])
        add(sum, entry[1] .. ':' .. text)
        cursor, bytes = entry[1], bytes + #text
    end
    if #entries == count then return cursor, #entries, bytes end
    add_stream_state(key, sum)
    return '', #entries, bytes
end

local function read_other(key, _, _, sum)
    local text = call('DUMP', key)
    add(sum, text)
    return '', 1, #text
end

-- Grows and shrinks with what the elements weigh, because all of a slice is in memory at once.
local function fitting(count, bytes)
    if bytes > SLICE then return math.max(1, math.floor(count / 4)) end
    return math.min(1000, count * 2)
end

local function whole(kind, key, sum)
    local cursor, elements, count, earliest = '0', 0, 16, -1
    repeat
        local found, bytes, expiry
        cursor, found, bytes, expiry = (read[kind] or read_other)(key, cursor, count, sum)
        elements, count = elements + found, fitting(count, bytes)
        earliest = earlier(earliest, expiry or -1)
    until cursor == ''
    return elements, earliest
end

local function bucket_of(expiry)
    if expiry < 0 then return 0 end
    for i = FIRST_BOUND, #ARGV do
        if expiry < number(ARGV[i]) then return i - FIRST_BOUND + 1 end
    end
    return #ARGV - FIRST_BOUND + 2
end

local totals = {}

local function count_key(expiry, text)
    local bucket = bucket_of(expiry)
    local total = totals[bucket]
    if not total then
        total = {0, 0, 0, keys = 0, earliest = -1}
        totals[bucket] = total
    end
    add(total, text)
    total.keys = total.keys + 1
    total.earliest = earlier(total.earliest, expiry)
end

local function count_collection(kind, key, expiry)
    local sum = {0, 0, 0}
    local elements, earliest = whole(kind, key, sum)
    local content = string.format('%.0f:%.0f,%.0f,%.0f', elements, sum[1], sum[2], sum[3])
    count_key(earlier(expiry, earliest), framed({kind, key, string.format('%.0f', expiry)}) .. content)
end

-- Most keys of most servers: one hash for each. False for one that is too long.
local function count_string(key, expiry)
    local text = call('GETRANGE', key, 0, CHUNK - 1)
    if #text == CHUNK then return false end
    count_key(expiry, '6:string' .. #key .. ':' .. key .. (expiry < 0 and '2:-1' or framed({string.format('%.0f', expiry)})) .. text)
    return true
end

local work = 0

local function counted(kind, key, expiry)
    if kind == 'string' then return count_string(key, expiry) end
    local length = LENGTH[kind] and call(LENGTH[kind], key) or 1
    work = work + length
    if length > SMALL or (length > 1 and work > TOGETHER) then return false, length end
    count_collection(kind, key, expiry)
    return true
end

local function keys()
    local page, deferred = call('SCAN', ARGV[2], 'COUNT', ARGV[3]), {}
    for _, key in ipairs(page[2]) do
        local kind, expiry = call('TYPE', key).ok, keys_expire and call('PEXPIRETIME', key) or -1
        if kind ~= 'none' and expiry ~= -2 then  -- otherwise it expired just now
            local done, length = counted(kind, key, expiry)
            if not done then deferred[#deferred + 1] = {kind, key, string.format('%.0f', expiry), length or 1} end
        end
    end
    local found = {}
    for bucket, total in pairs(totals) do
        found[#found + 1] = {bucket, total.keys, total[1], total[2], total[3], string.format('%.0f', total.earliest)}
    end
    return {page[1], found, deferred}
end

local function content()
    local sum = {0, 0, 0}
    local cursor, elements, bytes, earliest = (read[ARGV[5]] or read_other)(ARGV[6], ARGV[2], number(ARGV[3]), sum)
    return {cursor, elements, bytes, sum[1], sum[2], sum[3], string.format('%.0f', earliest or -1)}
end

if ARGV[1] == 'keys' then return keys() end
return content()
