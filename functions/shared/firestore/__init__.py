"""The one door to Firestore: nothing else in functions/ and operations/ speaks to it by gRPC."""
