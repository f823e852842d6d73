-- When a lift's visits began, to find the lifts that nobody came to.
CREATE INDEX view_timeline_visits ON view_timeline (account, effective_at) WHERE type = 'visit.Opened';
